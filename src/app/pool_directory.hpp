#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <thinsnap/thin_pool.hpp>

#include "engine/embedded_pool.hpp"

namespace thinsnap::app {

/// What a pool's directory holds:
///
///     metadata        the pool's metadata, a plain file (or a link to a block device)
///     data            its chunks, a sparse plain file, unless the configuration names another
///     thinsnap.toml   the configuration, see thinsnap.conf(5)
///     lock            held while the pool is open; says who holds it
struct PoolPaths {
    std::filesystem::path directory;
    std::filesystem::path metadata;
    std::filesystem::path data;
    std::filesystem::path config;
    std::filesystem::path lock;
};

struct CreatePool {
    std::uint64_t data_bytes = 0;
    std::uint64_t chunk_size = thin::kMinChunkSize;
    std::optional<std::uint64_t> metadata_bytes; ///< else computed from data_bytes
    std::string data;                            ///< file or block device to use instead of `data`
};

/// Makes a pool in `directory` (made if it is not there). Nothing is left behind on failure.
/// \throws Error(already_exists)  there is a pool already
/// \throws Error(invalid_argument), SystemError
void create_pool(const std::filesystem::path& directory, const CreatePool& options);

enum class Access {
    shared,    ///< reads only; others may read at the same time
    exclusive, ///< may change the pool
};

struct OpenPool {
    Access access = Access::exclusive;
    std::chrono::milliseconds lock_timeout{10000};
};

/// A pool with its files and its lock; members in the order in which they must be built.
class PoolHandle {
public:
    /// \throws Error(not_found)  there is no pool in the directory
    /// \throws Error(busy)       somebody else holds it after the timeout (pid and command in the
    ///                           text), or a loop device or the kernel uses its files
    PoolHandle(const std::filesystem::path& directory, const OpenPool& options);
    ~PoolHandle();
    PoolHandle(const PoolHandle&) = delete;
    PoolHandle& operator=(const PoolHandle&) = delete;

    [[nodiscard]] ThinPool& pool();
    [[nodiscard]] const PoolPaths& paths() const;
    /// The two devices without an opened pool on them, for check, dump and restore.
    [[nodiscard]] BlockDevice& metadata_device();
    [[nodiscard]] BlockDevice& data_device();
    /// Makes the two devices larger (files only; a block device must have grown already), then the
    /// pool.
    void grow_data(std::uint64_t bytes);
    void grow_metadata(std::uint64_t bytes);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace thinsnap::app
