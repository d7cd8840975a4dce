#pragma once

#include <string>
#include <string_view>

#include "base/byte_sink.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::snapshotter {

enum class SaveCompression { none, gzip };

/// Writes an image as an OCI archive that other tools load.
///
/// The blobs that it was imported from are not kept: each layer's tar is made anew from what the
/// layer changed. It says the same in other bytes, so its digest is another than the imported one,
/// and the configuration names the new diffIDs; the history stays. Saved again, the archive is the
/// same byte for byte.
/// \throws Error(not_found)  there is no such image
/// \throws Error(corrupt)    layers of it are missing
/// \throws see Difference; and what `sink` throws
void save_image(const ReadContext& context,
                std::string_view image,
                ByteSink& sink,
                SaveCompression compression);

} // namespace thinsnap::snapshotter
