#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/pool_directory.hpp"
#include "app/snapshotter_handle.hpp"

#include "program.hpp"

namespace thinsnap::bench {

/// A pool in a directory, as `thinsnap pool create` makes it, for images and containers. It is
/// opened in this process, or used by commands: open one closes the other's way.
class ImagePool {
public:
    ImagePool(const std::filesystem::path& directory, std::uint64_t bytes);
    ~ImagePool(); ///< removes the directory
    ImagePool(const ImagePool&) = delete;
    ImagePool& operator=(const ImagePool&) = delete;

    /// Opened by the first call.
    [[nodiscard]] snapshotter::Context& context();
    void close();

    /// `thinsnap` with this pool; \pre closed
    [[nodiscard]] Command command(const Command& arguments) const;
    void import(const std::filesystem::path& source, const std::string& name);
    void create(const std::string& name, const std::string& image);

    /// Puts layers that change a file of the image on it, until it has `layers`.
    void stack_layers(const std::string& image, std::size_t layers);
    /// Containers, named by container_name(), made by threads that share commits. \return devices
    std::vector<DeviceId> fill(const std::string& image, std::size_t containers);

private:
    std::filesystem::path directory_;
    std::optional<app::PoolHandle> pool_;
    std::optional<app::SnapshotterHandle> journal_;
};

/// What fill() calls its container number `i`.
[[nodiscard]] std::string container_name(std::size_t i);

/// A file of the images that are made here, to be changed.
inline constexpr const char* kChangedFile = "/pkg00/mod00/file000.py";

/// A tar of a file system's root, named as in the image of files that tests/images makes: `files`
/// of text, each about so many bytes.
void write_root_tar(const std::filesystem::path& path, std::size_t files, std::size_t bytes);

} // namespace thinsnap::bench
