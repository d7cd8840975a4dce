#include <cerrno>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/device_file.hpp"
#include "app/pool_directory.hpp"
#include "app/zero_fill.hpp"
#include "base/fd.hpp"
#include "base/size_text.hpp"
#include "io/file_device.hpp"
#include "pdata/block.hpp"
#include "thin/format_pool.hpp"

namespace thinsnap::app {

namespace {

namespace fs = std::filesystem;

/// What a creation that fails takes back, last first. Failures of these steps are of no interest
/// beside the one that caused them.
class Rollback {
public:
    Rollback() = default;
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    ~Rollback() {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step)
            (*step)();
    }
    void remove_file(const fs::path& path) {
        steps_.emplace_back([path] { ::unlink(path.c_str()); });
    }
    void remove_directory(const fs::path& path) {
        steps_.emplace_back([path] { ::rmdir(path.c_str()); });
    }
    void dismiss() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};

bool is_there(const fs::path& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0)
        return true;
    if (errno == ENOENT)
        return false;
    throw SystemError(errno, fmt::format("looking for {}", path.string()));
}

void make_directory(const fs::path& path, Rollback& rollback) {
    if (path.has_parent_path() && path != path.parent_path() && !is_there(path.parent_path()))
        make_directory(path.parent_path(), rollback);
    if (::mkdir(path.c_str(), 0700) == 0) {
        rollback.remove_directory(path);
        sync_directory(path.parent_path().string());
    } else if (errno != EEXIST) {
        throw SystemError(errno, fmt::format("making the directory {}", path.string()));
    }
}

/// A new file of zeros, a hole so far.
io::FileDevice make_file(const fs::path& path, std::uint64_t bytes, Rollback& rollback) {
    {
        const Fd fd = open_file(path.string(), O_RDWR | O_CREAT | O_EXCL, 0600);
        rollback.remove_file(path);
        if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
            throw SystemError(errno, fmt::format("making {} {} bytes long", path.string(), bytes));
    }
    return io::FileDevice(path.string());
}

void sync_file(const fs::path& path) {
    const Fd fd = open_file(path.string(), O_RDONLY);
    if (::fsync(fd.get()) != 0)
        throw SystemError(errno, fmt::format("syncing {}", path.string()));
    sync_directory(path.parent_path().string());
}

[[noreturn]] void refuse(std::string text) {
    throw Error(Errc::invalid_argument, std::move(text));
}

void validate_chunk_size(std::uint64_t bytes) {
    if (bytes < thin::kMinChunkSize || bytes > thin::kMaxChunkSize ||
        bytes % thin::kMinChunkSize != 0)
        refuse(fmt::format("a chunk size of {} bytes is none: it is a multiple of 64 KiB, from "
                           "64 KiB to 1 GiB",
                           bytes));
}

/// The sizes that will be used, from what was asked for and, for a block device, what there is.
void settle_sizes(CreatedPool& made, const CreatePool& options) {
    validate_chunk_size(options.chunk_size);
    made.chunk_size = options.chunk_size;
    if (made.data_bytes < made.chunk_size)
        refuse(fmt::format("{} bytes of data are less than one chunk of {} bytes",
                           made.data_bytes,
                           made.chunk_size));
    made.data_bytes -= made.data_bytes % made.chunk_size;
    if (made.data_bytes / made.chunk_size > thin::kMaxDataChunks)
        refuse(fmt::format("{} of data in chunks of {}: a pool has 2^40 chunks at most",
                           format_size(made.data_bytes),
                           format_size(made.chunk_size)));
    made.metadata_bytes = options.metadata_bytes.value_or(
        thin::default_metadata_size(made.data_bytes, made.chunk_size));
    made.metadata_bytes -= made.metadata_bytes % pdata::kBlockSize;
    if (made.metadata_bytes < thin::kMinMetadataSize)
        refuse(fmt::format("{} bytes of metadata are too few: 2 MiB is the least",
                           options.metadata_bytes.value_or(0)));
}

/// The pool's own files cannot hold its chunks.
void refuse_own_files(const PoolPaths& paths) {
    const fs::path name = paths.data.filename();
    const bool own = name == paths.metadata.filename() || name == "metadata.new" ||
                     name == paths.journal.filename() || name == "journal.new" ||
                     name == paths.config.filename() || name == paths.lock.filename();
    std::error_code none;
    if (own && fs::equivalent(paths.data.parent_path(), paths.directory, none))
        refuse(
            fmt::format("{} is a file of the pool and cannot hold its data", paths.data.string()));
}

/// Opens the block device, or makes the file, that will hold the chunks.
void make_data(CreatedPool& made, const CreatePool& options, Rollback& rollback) {
    const fs::path& path = made.paths.data;
    made.data_bytes = options.data_bytes;
    struct stat st {};
    if (::stat(path.c_str(), &st) == 0 && S_ISBLK(st.st_mode)) {
        const auto device = open_device_file(path, Access::exclusive);
        if (made.data_bytes == 0)
            made.data_bytes = device->size();
        device->resize(made.data_bytes);
        settle_sizes(made, options);
        return;
    }
    if (made.data_bytes == 0)
        refuse(fmt::format("a size is needed for the data: {} is no block device", path.string()));
    settle_sizes(made, options);
    if (is_there(path))
        throw Error(Errc::already_exists,
                    fmt::format("{} is there already, and no pool uses it; remove it if nobody "
                                "else does",
                                path.string()));
    make_file(path, made.data_bytes, rollback).flush();
    sync_file(path);
}

/// The metadata is made under another name, so that a crash never leaves a half made pool. The file
/// is there before anything else is made: it says whose the rest is.
fs::path unfinished_metadata(const PoolPaths& paths) {
    return paths.metadata.string() + ".new";
}

void begin_metadata(const PoolPaths& paths, Rollback& rollback) {
    make_file(unfinished_metadata(paths), 0, rollback);
    sync_directory(paths.directory.string());
}

void make_metadata(CreatedPool& made, Rollback& rollback) {
    const fs::path beside = unfinished_metadata(made.paths);
    {
        io::FileDevice device(beside.string());
        device.resize(made.metadata_bytes);
        fill_with_zeros(device, 0, made.metadata_bytes);
        const Uuid uuid = make_uuid();
        thin::format_pool(device,
                          {.chunk_size = made.chunk_size,
                           .nr_data_chunks = made.data_bytes / made.chunk_size,
                           .uuid = uuid});
        made.uuid = to_string(uuid);
    }
    sync_file(beside);
    if (::rename(beside.c_str(), made.paths.metadata.c_str()) != 0)
        throw SystemError(errno, fmt::format("renaming {}", beside.string()));
    rollback.remove_file(made.paths.metadata);
    sync_directory(made.paths.directory.string());
}

/// A regular file that is one hole: removing it loses nothing.
bool holds_nothing(const fs::path& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat st {};
    return fd.is_open() && ::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode) &&
           ::lseek(fd.get(), 0, SEEK_DATA) < 0 && errno == ENXIO;
}

/// Removes what a creation left that was killed. The lock says that nobody is at work on it.
void take_back_unfinished(const PoolPaths& paths) {
    const fs::path beside = unfinished_metadata(paths);
    if (!is_there(beside))
        return;
    if (holds_nothing(paths.data) && ::unlink(paths.data.c_str()) == 0)
        sync_directory(paths.data.parent_path().string());
    if (::unlink(beside.c_str()) != 0)
        throw SystemError(errno, fmt::format("removing {}", beside.string()));
}

void refuse_existing(const PoolPaths& paths) {
    if (is_there(paths.metadata))
        throw Error(Errc::already_exists,
                    fmt::format("there is a pool in {} already", paths.directory.string()));
    if (is_there(paths.journal))
        throw Error(Errc::already_exists,
                    fmt::format("{} is the journal of another pool; remove it if that is gone",
                                paths.journal.string()));
}

} // namespace

CreatedPool create_pool(const fs::path& directory, const CreatePool& options) {
    validate_chunk_size(options.chunk_size);
    CreatedPool made;
    made.paths = paths_of(directory, {});
    refuse_existing(made.paths);

    Rollback rollback;
    make_directory(made.paths.directory, rollback);
    const PoolLock lock(made.paths.lock.string(), Access::exclusive, options.lock_timeout);
    if (lock.has_created_file())
        rollback.remove_file(made.paths.lock);
    refuse_existing(made.paths);

    PoolConfig config = read_pool_config(made.paths.config.string());
    const bool has_config = is_there(made.paths.config);
    if (!options.data.empty()) {
        const std::string data = fs::absolute(options.data).lexically_normal().string();
        if (has_config && config.data != data)
            throw Error(Errc::already_exists,
                        fmt::format("{} is there already: name the data in it, not by an option",
                                    made.paths.config.string()));
        config.data = data;
    }
    made.paths = paths_of(directory, config);
    refuse_own_files(made.paths);
    take_back_unfinished(made.paths);
    begin_metadata(made.paths, rollback);
    make_data(made, options, rollback);
    if (!has_config) {
        rollback.remove_file(made.paths.config);
        replace_text_file(made.paths.config.string(), render_pool_config(config.data));
    }
    make_metadata(made, rollback);
    rollback.dismiss();
    return made;
}

} // namespace thinsnap::app
