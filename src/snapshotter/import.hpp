#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "oci/source.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::snapshotter {

/// Where an import is.
struct ImportProgress {
    const oci::Image& image;
    std::size_t layer = 0;           ///< from 0 on, lowest first
    std::uint64_t blob_bytes = 0;    ///< read of the layer's blob
    std::uint64_t blob_size = 0;     ///< bytes
    std::uint64_t applied_bytes = 0; ///< of its tar
    enum class State { existed, applying, done } state = State::applying;
};

struct ImportOptions {
    std::optional<std::string> name{}; ///< instead of what the source says
    bool overlay_whiteouts = false;    ///< see layer::ApplyOptions
    std::function<void(const ImportProgress&)> on_progress{};
};

struct ImportedLayer {
    Digest diff_id;
    Digest chain_id;
    DeviceId device;
    bool existed = false; ///< nothing of it was read
    std::uint64_t size = 0;
};

struct ImportedImage {
    std::vector<std::string> names; ///< one at least: without any, it is called by its digest
    Digest id;                      ///< of its configuration
    std::vector<ImportedLayer> layers;
};

/// Makes every image of the source an image of the pool. A layer whose chainID is there already is
/// neither read nor made. Each layer is committed after all its bytes were seen to have the digests
/// that the image says.
///
/// All or nothing, as far as it goes: when it fails, or is interrupted, the layers that it made are
/// taken away again; a crash leaves whole layers without an image, for prune_layers().
/// \throws Error(corrupt, unsupported)  the image, with image and layer in the text
/// \throws Error(invalid_argument)      a name for several images
/// \throws Error(no_space, ...)         see Store::commit(), BlockDevice
std::vector<ImportedImage>
import_images(Context& context, const oci::ImageSource& source, const ImportOptions& options);

} // namespace thinsnap::snapshotter
