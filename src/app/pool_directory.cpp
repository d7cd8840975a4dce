#include "app/pool_directory.hpp"

#include <cerrno>
#include <exception>
#include <system_error>

#include <fmt/core.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "app/device_file.hpp"
#include "app/interruptible_device.hpp"
#include "app/zero_fill.hpp"
#include "io/file_device.hpp"
#include "pdata/block.hpp"

namespace thinsnap::app {

namespace fs = std::filesystem;

/// Looked for before the lock file is made: none is left in a directory that holds no pool.
PoolPaths find_pool(const fs::path& directory) {
    PoolPaths paths = paths_of(directory, {});
    struct stat st {};
    if (::stat(paths.metadata.c_str(), &st) == 0)
        return paths;
    if (errno != ENOENT && errno != ENOTDIR)
        throw SystemError(errno, fmt::format("opening {}", paths.metadata.string()));
    throw Error(Errc::not_found,
                fmt::format("there is no pool in {}; make one with 'thinsnap pool create', or "
                            "name another with --pool or THINSNAP_POOL",
                            paths.directory.string()));
}

/// Members in the order in which they must be built: the lock first, the pool last.
struct PoolHandle::Parts {
    Parts(const PoolPaths& without_config, const OpenPool& options)
        : access(options.access)
        , lock(without_config.lock.string(),
               options.access,
               options.lock_timeout,
               options.while_waiting)
        , config(read_pool_config(without_config.config.string()))
        , paths(paths_of(without_config.directory, config)) {}

    Access access;
    PoolLock lock;
    PoolConfig config;
    PoolPaths paths;
    std::unique_ptr<io::FileDevice> metadata;
    std::unique_ptr<io::FileDevice> data;
    std::unique_ptr<InterruptibleDevice> metadata_reader;
    std::unique_ptr<InterruptibleDevice> data_reader;
    std::unique_ptr<ThinPool> pool;

    io::FileDevice& metadata_file() {
        if (!metadata)
            metadata = open_device_file(paths.metadata, access);
        return *metadata;
    }
    io::FileDevice& data_file() {
        if (!data)
            data = open_device_file(paths.data, access);
        return *data;
    }
    /// Work that only reads may be cut short anywhere.
    BlockDevice& seen(std::unique_ptr<InterruptibleDevice>& reader, io::FileDevice& file) const {
        if (access == Access::exclusive)
            return file;
        if (!reader)
            reader = std::make_unique<InterruptibleDevice>(file);
        return *reader;
    }
};

PoolHandle::PoolHandle(const fs::path& directory, const OpenPool& options) {
    const PoolPaths paths = find_pool(directory);
    parts_ = std::make_unique<Parts>(paths, options);
    refuse_file_in_use(parts_->paths.metadata);
    refuse_file_in_use(parts_->paths.data);
    std::error_code none;
    if (fs::equivalent(parts_->paths.metadata, parts_->paths.data, none))
        throw Error(
            Errc::invalid_argument,
            fmt::format("{}: the data is the metadata's own file", parts_->paths.config.string()));
}

PoolHandle::~PoolHandle() = default;

const PoolPaths& PoolHandle::paths() const {
    return parts_->paths;
}

Access PoolHandle::access() const {
    return parts_->access;
}

BlockDevice& PoolHandle::metadata_device() {
    return parts_->seen(parts_->metadata_reader, parts_->metadata_file());
}

BlockDevice& PoolHandle::data_device() {
    return parts_->seen(parts_->data_reader, parts_->data_file());
}

ThinPool& PoolHandle::pool() {
    if (!parts_->pool) {
        engine::EngineOptions options = parts_->config.engine;
        options.read_only = parts_->access == Access::shared;
        try {
            parts_->pool = engine::open_embedded_pool(metadata_device(), data_device(), options);
        } catch (Error& error) {
            error.add_context(fmt::format("opening the pool {}", parts_->paths.directory.string()));
            throw;
        }
    }
    return *parts_->pool;
}

PoolStatus PoolHandle::status() {
    PoolStatus status = pool().status();
    if (parts_->access == Access::exclusive || status.mode != PoolMode::read_only)
        return status;
    if (status.needs_check) {
        status.reason = "the needs_check flag is set; run 'thinsnap pool check', and with "
                        "--clear-needs-check once it finds nothing";
    } else if (status.data.free() == 0) {
        status.mode = PoolMode::out_of_data_space;
        status.reason = "no chunk is free; run 'thinsnap pool grow', or delete devices";
    } else {
        status.mode = PoolMode::write;
        status.reason.clear();
    }
    return status;
}

namespace {

/// Makes `file` at least `bytes` long. `fill` is called on the new part; if it fails the file is as
/// it was.
template <class Fill>
void grow_file(io::FileDevice& file, std::uint64_t bytes, Fill fill) {
    const std::uint64_t before = file.size();
    if (bytes <= before)
        return;
    file.resize(bytes);
    try {
        fill(before, bytes - before);
        file.flush();
    } catch (const std::exception&) {
        file.resize(before);
        throw;
    }
}

void refuse_shrinking(const char* what, std::uint64_t now, std::uint64_t wanted) {
    if (wanted < now)
        throw Error(
            Errc::invalid_argument,
            fmt::format(
                "{} has {} bytes and cannot become smaller ({} are asked for)", what, now, wanted));
}

} // namespace

// A file that has grown stays so if the pool's part fails: whether the larger size is on the disk
// already may then be unknown, and a pool whose file is too short cannot be opened.

void PoolHandle::grow_data(std::uint64_t bytes) {
    ThinPool& opened = pool();
    refuse_shrinking("the pool's data", opened.status().data.total * opened.chunk_size(), bytes);
    grow_file(parts_->data_file(), bytes, [](std::uint64_t, std::uint64_t) {});
    opened.grow_data(bytes);
}

void PoolHandle::grow_metadata(std::uint64_t bytes) {
    ThinPool& opened = pool();
    refuse_shrinking(
        "the pool's metadata", opened.status().metadata.total * pdata::kBlockSize, bytes);
    io::FileDevice& file = parts_->metadata_file();
    grow_file(file, bytes, [&](std::uint64_t offset, std::uint64_t length) {
        fill_with_zeros(file, offset, length);
    });
    opened.grow_metadata(bytes);
}

} // namespace thinsnap::app
