#include "app/maintenance.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/device_file.hpp"
#include "app/zero_fill.hpp"
#include "base/aligned_buffer.hpp"
#include "base/fd.hpp"
#include "io/file_device.hpp"
#include "pdata/block_cache.hpp"
#include "thin/dump.hpp"
#include "thin/metadata_view.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::app {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCacheBlocks = 4096; // 16 MiB

/// The committed metadata on a device, without a pool on it.
class CommittedView {
public:
    explicit CommittedView(BlockDevice& metadata)
        : cache_(metadata, kCacheBlocks)
        , view_(cache_, thin::read_superblock(metadata), [] {}) {}
    [[nodiscard]] thin::MetadataView& view() noexcept { return view_; }

private:
    pdata::BlockCache cache_;
    thin::MetadataView view_;
};

std::uint64_t count_devices(thin::MetadataView& view) {
    std::uint64_t count = 0;
    view.for_each_device([&](const DeviceInfo&) { ++count; });
    return count;
}

} // namespace

thin::CheckResult check_pool(PoolHandle& handle,
                             bool skip_mappings,
                             const std::function<void(const thin::Finding&)>& sink) {
    thin::CheckOptions options{.skip_mappings = skip_mappings, .data_bytes = std::nullopt};
    BlockDevice& metadata = handle.metadata_device();
    try {
        options.data_bytes = handle.data_device().size();
    } catch (const Error& error) {
        if (error.kind() == Errc::busy)
            throw;
    }
    return thin::check_metadata(metadata, options, sink);
}

void clear_needs_check(PoolHandle& handle) {
    BlockDevice& metadata = handle.metadata_device();
    thin::Superblock superblock = thin::read_superblock(metadata);
    superblock.flags &= ~thin::kNeedsCheckFlag;
    thin::write_superblock(metadata, superblock);
}

void dump_pool(PoolHandle& handle, const std::function<void(std::string_view)>& write) {
    CommittedView committed(handle.metadata_device());
    thin::dump_xml(committed.view(), write);
}

thin::BackupInfo backup_pool(PoolHandle& handle,
                             const std::function<void(std::span<const std::byte>)>& write) {
    CommittedView committed(handle.metadata_device());
    thin::BackupInfo info;
    info.nr_blocks = thin::write_backup(committed.view(), write);
    const thin::Superblock& superblock = committed.view().superblock();
    info.uuid = superblock.uuid;
    info.transaction_id = superblock.transaction_id;
    info.time = superblock.time;
    info.chunk_size = superblock.chunk_size();
    info.nr_data_chunks = superblock.data_space_map.nr_blocks;
    info.nr_metadata_blocks = superblock.metadata_space_map.nr_blocks;
    return info;
}

namespace {

/// What the pool has now, as far as it bears on replacing it.
struct Present {
    bool readable = false;
    bool same = false; ///< the backup is exactly this
    std::string text;  ///< for people
};

/// Compares a backup with the one that would be made of the present metadata.
class Comparison {
public:
    explicit Comparison(BlockDevice& backup)
        : backup_(backup)
        , buffer_(1U << 20U) {}

    void add(std::span<const std::byte> bytes) {
        while (same_ && !bytes.empty()) {
            const auto part = bytes.first(std::min(bytes.size(), buffer_.size()));
            if (part.size() > backup_.size() - offset_) {
                same_ = false;
                return;
            }
            const auto there = buffer_.bytes().first(part.size());
            backup_.read(offset_, there);
            same_ = std::ranges::equal(there, part);
            offset_ += part.size();
            bytes = bytes.subspan(part.size());
        }
    }
    [[nodiscard]] bool is_same() const { return same_ && offset_ == backup_.size(); }

private:
    BlockDevice& backup_;
    AlignedBuffer buffer_;
    std::uint64_t offset_ = 0;
    bool same_ = true;
};

/// \param metadata  nothing when it is missing
Present look_at(BlockDevice* metadata, BlockDevice& backup) {
    if (metadata == nullptr)
        return {.text = "no metadata"};
    try {
        CommittedView committed(*metadata);
        Comparison comparison(backup);
        thin::write_backup(committed.view(), [&](auto bytes) { comparison.add(bytes); });
        const thin::Superblock& superblock = committed.view().superblock();
        return {.readable = true,
                .same = comparison.is_same(),
                .text = fmt::format("pool {}: transaction {}, {} snapshots made so far, {} devices",
                                    to_string(superblock.uuid),
                                    superblock.transaction_id.value(),
                                    superblock.time,
                                    count_devices(committed.view()))};
    } catch (const Error& error) {
        if (error.kind() == Errc::io)
            return {.text = fmt::format("unreadable metadata ({})", error.what())};
        return {.text = fmt::format("damaged metadata ({})", error.what())};
    }
}

std::string describe(const thin::BackupInfo& info) {
    return fmt::format("pool {}: transaction {}, {} snapshots made so far",
                       to_string(info.uuid),
                       info.transaction_id.value(),
                       info.time);
}

void refuse_loss(const Present& present, const thin::BackupInfo& backup) {
    throw Error(
        Errc::precondition,
        fmt::format("the pool's metadata can be read ({}) and differs from the backup ({}). "
                    "Restoring would lose every change made since, and devices would map chunks "
                    "that may hold something else by now. To do it all the same, give --force",
                    present.text,
                    describe(backup)));
}

void validate_data_size(const fs::path& data, const thin::BackupInfo& info) {
    const io::FileDevice device(data.string(), {.read_only = true, .direct = false});
    const std::uint64_t needed = info.nr_data_chunks * info.chunk_size;
    if (device.size() < needed)
        throw Error(Errc::precondition,
                    fmt::format("the backup is of a pool with {} bytes of data, {} has {}",
                                needed,
                                data.string(),
                                device.size()));
}

/// Who may read the pool does not change by a restore.
void copy_permissions(const fs::path& from, const Fd& to) {
    struct stat st {};
    if (::stat(from.c_str(), &st) != 0)
        return; // there was no metadata
    if (::fchown(to.get(), st.st_uid, st.st_gid) != 0 && errno != EPERM)
        throw SystemError(errno, fmt::format("giving {} its owner", from.string()));
    if (::fchmod(to.get(), st.st_mode & 07777U) != 0)
        throw SystemError(errno, fmt::format("giving {} its permissions", from.string()));
}

/// Makes the new metadata beside the old and puts it in its place.
void replace_metadata_file(const fs::path& path, BlockDevice& backup, std::uint64_t bytes) {
    const fs::path beside = path.string() + ".new";
    ::unlink(beside.c_str());
    try {
        (void)open_file(beside.string(), O_RDWR | O_CREAT | O_EXCL, 0600);
        {
            io::FileDevice device(beside.string());
            device.resize(bytes);
            fill_with_zeros(device, 0, bytes);
            (void)thin::restore_backup(backup, device);
            device.flush();
        }
        const Fd fd = open_file(beside.string(), O_RDONLY);
        copy_permissions(path, fd);
        if (::fsync(fd.get()) != 0)
            throw SystemError(errno, fmt::format("syncing {}", beside.string()));
        if (::rename(beside.c_str(), path.c_str()) != 0)
            throw SystemError(errno, fmt::format("renaming {}", beside.string()));
    } catch (const std::exception&) {
        ::unlink(beside.c_str());
        throw;
    }
    sync_directory(path.parent_path().string());
}

} // namespace

RestoredPool restore_pool(const fs::path& directory, const RestorePool& options) {
    RestoredPool restored;
    restored.paths = paths_of(directory, {});
    const PoolConfig config = read_pool_config(restored.paths.config.string());
    restored.paths = paths_of(directory, config);
    // Looked for before anything is made: without its data a pool is past restoring.
    if (!fs::exists(restored.paths.data))
        throw Error(Errc::not_found,
                    fmt::format("there is no pool in {}: {} is missing",
                                restored.paths.directory.string(),
                                restored.paths.data.string()));
    const PoolLock lock(restored.paths.lock.string(), Access::exclusive, options.lock_timeout);
    std::unique_ptr<io::FileDevice> metadata;
    if (fs::exists(restored.paths.metadata))
        metadata = open_device_file(restored.paths.metadata, Access::exclusive);
    refuse_file_in_use(restored.paths.data);

    io::FileDevice backup(options.backup, {.read_only = true, .direct = false});
    restored.backup = thin::inspect_backup(backup);
    validate_data_size(restored.paths.data, restored.backup);
    const Present present = look_at(metadata.get(), backup);
    restored.replaced = present.text;
    if (present.same) {
        restored.changed = false;
        return restored;
    }
    if (present.readable && !options.force)
        refuse_loss(present, restored.backup);

    if (metadata && metadata->is_block_device()) {
        (void)thin::restore_backup(backup, *metadata);
        return restored;
    }
    std::uint64_t bytes = restored.backup.nr_metadata_blocks * pdata::kBlockSize;
    if (metadata)
        bytes = std::max(bytes, metadata->size() / pdata::kBlockSize * pdata::kBlockSize);
    const fs::path target = fs::weakly_canonical(restored.paths.metadata);
    metadata.reset();
    replace_metadata_file(target, backup, bytes);
    return restored;
}

} // namespace thinsnap::app
