#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "oci/archive_index.hpp"
#include "oci/blob_store.hpp"
#include "oci/image.hpp"
#include "oci/platform.hpp"

namespace thinsnap::oci {

/// The images of a `docker save` archive, by its manifest.json. There layers are named by their
/// place, so their digests come from the config; a compressed layer is read once to get its own.
/// Each image gets an OCI manifest, made here.
///
/// \param platform  wanted; another is an error. None: whatever is there
/// \param blobs     gets the layers
/// \throws Error(not_found)    another platform
/// \throws Error(corrupt)      names the image and the member
/// \throws Error(unsupported)  an archive of a Docker before 1.10
[[nodiscard]] std::vector<Image> list_docker_images(const ArchiveIndex& archive,
                                                    const std::optional<Platform>& platform,
                                                    ListedBlobs& blobs);

} // namespace thinsnap::oci
