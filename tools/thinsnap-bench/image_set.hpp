#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cases.hpp"

namespace thinsnap::bench {

/// An image to import and what its layers are made of.
struct SourceImage {
    std::string name; ///< for figures
    std::filesystem::path source;
    std::vector<std::filesystem::path> layers{}; ///< their blobs
    std::uint64_t tar_bytes = 0;                 ///< of the layers, uncompressed
};

/// An OCI layout with compressed layers: Debian's, made by tests/images/make_images, or in a quick
/// run a small one.
[[nodiscard]] SourceImage compressed_image(const std::filesystem::path& directory,
                                           const Scale& scale);
/// Many small files in one layer, uncompressed; from the same places.
[[nodiscard]] SourceImage image_of_files(const std::filesystem::path& directory,
                                         const Scale& scale);

} // namespace thinsnap::bench
