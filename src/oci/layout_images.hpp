#pragma once

#include <optional>
#include <vector>

#include "oci/blob_store.hpp"
#include "oci/image.hpp"
#include "oci/platform.hpp"

namespace thinsnap::oci {

/// The images of an OCI layout, as its index.json lists them: those with the same name are one
/// image for several platforms, those with the same manifest are one image with several names.
///
/// \param platform  which is wanted of several; none: the host's, and an image that there is for
///                  one platform only is taken whatever it is
/// \throws Error(not_found)    nothing suits the platform; names those that are there
/// \throws Error(corrupt)      names the image and the blob
/// \throws Error(unsupported)  schema 1, no container image
[[nodiscard]] std::vector<Image> list_layout_images(const BlobStore& blobs,
                                                    const std::optional<Platform>& platform);

} // namespace thinsnap::oci
