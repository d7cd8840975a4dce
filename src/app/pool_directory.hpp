#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <thinsnap/thin_pool.hpp>

#include "app/pool_config.hpp"
#include "app/pool_lock.hpp"
#include "app/pool_paths.hpp"
#include "engine/embedded_pool.hpp"

namespace thinsnap::app {

struct CreatePool {
    /// Rounded down to whole chunks. 0 is legal for a block device only: all of it.
    std::uint64_t data_bytes = 0;
    std::uint64_t chunk_size = thin::kMinChunkSize;
    std::optional<std::uint64_t> metadata_bytes{}; ///< else computed from data_bytes
    std::string data{}; ///< file or block device to use instead of `data`
    std::chrono::milliseconds lock_timeout = PoolLock::kDefaultTimeout;
};

/// What was made.
struct CreatedPool {
    PoolPaths paths;
    std::string uuid;
    std::uint64_t data_bytes = 0;
    std::uint64_t metadata_bytes = 0;
    std::uint64_t chunk_size = 0;
};

/// Makes a pool in `directory` (made if it is not there). The metadata file is written with zeros
/// all through, so that commits never wait for the host's file system to allocate; the data file
/// is sparse. Files that were there before are never touched; a thinsnap.toml is kept and obeyed.
/// Nothing is left behind on failure; after a crash at most files that hold nothing, which the next
/// attempt names or replaces. Durable when it returns.
/// \throws Error(already_exists)    there is a pool already, or a data file
/// \throws Error(invalid_argument)  sizes that make no pool
/// \throws Error(busy)              see PoolLock
/// \throws Interrupted, SystemError
CreatedPool create_pool(const std::filesystem::path& directory, const CreatePool& options);

/// The paths of the pool in `directory`, as if it had no configuration: no lock is taken.
/// \throws Error(not_found)  there is no pool in the directory; SystemError
[[nodiscard]] PoolPaths find_pool(const std::filesystem::path& directory);

struct OpenPool {
    Access access = Access::exclusive;
    std::chrono::milliseconds lock_timeout = PoolLock::kDefaultTimeout;
    std::function<void()> while_waiting{}; ///< for the lock, see PoolLock
};

/// A pool's files, held by this process under the owner lock. The devices are opened when they are
/// first asked for, the pool on them likewise, so that a pool too damaged to be opened can still be
/// checked.
///
/// With shared access nothing is written and nothing but the right to read is needed; reads end in
/// Interrupted once a signal has come.
/// Threads: one at a time; what pool() gives may be used from many.
class PoolHandle {
public:
    /// \throws Error(not_found)  there is no pool in the directory
    /// \throws Error(busy)       somebody else holds it after the timeout (pid and command in the
    ///                           text), or a loop device uses its files
    /// \throws Error(invalid_argument)  the configuration is wrong
    PoolHandle(const std::filesystem::path& directory, const OpenPool& options);
    ~PoolHandle();
    PoolHandle(const PoolHandle&) = delete;
    PoolHandle& operator=(const PoolHandle&) = delete;

    [[nodiscard]] const PoolPaths& paths() const;
    [[nodiscard]] Access access() const;

    /// The pool, opened by the first call. \throws see engine::open_embedded_pool(), and below
    [[nodiscard]] ThinPool& pool();

    /// The pool's status. With shared access `mode` and `reason` are what a writer would find, not
    /// that this process cannot write.
    [[nodiscard]] PoolStatus status();

    /// The two devices, for work that needs no opened pool. Whoever writes to them must not have
    /// called pool().
    /// \throws Error(busy)  a block device that the kernel uses
    /// \throws SystemError
    [[nodiscard]] BlockDevice& metadata_device();
    [[nodiscard]] BlockDevice& data_device();

    /// Makes a device that is a file as large as asked for, if it is smaller (a block device must
    /// have grown already), then the pool. New metadata space is written with zeros.
    /// \throws Error(invalid_argument)  less than the pool has
    /// \throws Error(no_space)          the host's file system is full; the file is as it was
    void grow_data(std::uint64_t bytes);
    void grow_metadata(std::uint64_t bytes);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace thinsnap::app
