#include "ext4/file_system_handle.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "ext4/journal_replay.hpp"
#include "ext4/superblock_check.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr const char* kDeviceName = "thinsnap";
constexpr std::uint32_t kInodesPerBlock = kBlockSize / kInodeSize;

} // namespace

void require_ok(DeviceIo& io, errcode_t code, std::string_view action) {
    if (code == 0)
        return;
    io.rethrow_failure();
    if (code == EXT2_ET_NO_MEMORY)
        throw std::bad_alloc();
    throw Error(Errc::corrupt,
                fmt::format("{}: {} (libext2fs {})", action, error_message(code), code));
}

void FileSystemHandle::Free::operator()(ext2_filsys native) const noexcept {
    ext2fs_free(native); // unlike ext2fs_close() it writes nothing
}

FileSystemHandle::FileSystemHandle(BlockDevice& device, FileSystemAccess access)
    : io_(device, {.read_only = access == FileSystemAccess::read_only})
    , access_(access) {
    initialize_ext2_error_table();
    open();
    check_descriptors();
    if (access == FileSystemAccess::read_write)
        load_bitmaps();
}

FileSystemHandle::FileSystemHandle(BlockDevice& device, ext2_super_block& parameters)
    : io_(device)
    , access_(FileSystemAccess::read_write) {
    initialize_ext2_error_table();
    const DeviceIo::Opening opening(io_);
    ext2_filsys native = nullptr;
    require_ok(
        io_,
        ext2fs_initialize(kDeviceName, EXT2_FLAG_64BITS, &parameters, DeviceIo::manager(), &native),
        "making a file system");
    native_.reset(native);
    TS_ASSERT(super().s_blocks_count == parameters.s_blocks_count);
    TS_ASSERT(super().s_inodes_per_group == kInodesPerGroup);
}

void FileSystemHandle::open() {
    std::array<std::byte, kSuperblockSize> superblock{};
    if (io_.device().size() < kMinSize)
        throw Error(Errc::corrupt,
                    fmt::format("a device of {} bytes holds no file system of thinsnap's",
                                io_.device().size()));
    io_.read_bytes(kSuperblockOffset, superblock);
    validate_superblock(superblock, io_.device().size(), access_);
    if (needs_recovery(superblock)) {
        replayed_ = replay_journal(io_, superblock).places;
        io_.read_bytes(kSuperblockOffset, superblock);
        validate_superblock(superblock, io_.device().size(), access_);
    }
    const bool writable = access_ == FileSystemAccess::read_write;
    const DeviceIo::Opening opening(io_);
    ext2_filsys native = nullptr;
    require_ok(io_,
               ext2fs_open2(kDeviceName,
                            nullptr,
                            EXT2_FLAG_64BITS | (writable ? EXT2_FLAG_RW : 0),
                            0,
                            0,
                            DeviceIo::manager(),
                            &native),
               "opening a file system");
    native_.reset(native);
    // What libext2fs would take from the clock: the time of the last write stays what it is.
    native_->now = std::max<time_t>(super().s_wtime, 1);
}

void FileSystemHandle::check_descriptors() const {
    const auto fits = [this](std::uint64_t first, std::uint64_t count) {
        return first > 0 && first < nr_blocks() && count <= nr_blocks() - first;
    };
    for (std::uint32_t group = 0; group < nr_groups(); ++group) {
        if (ext2fs_group_desc_csum_verify(native(), group) == 0)
            throw Error(Errc::corrupt, fmt::format("group descriptor {}: wrong checksum", group));
        if (!fits(ext2fs_block_bitmap_loc(native(), group), 1) ||
            !fits(ext2fs_inode_bitmap_loc(native(), group), 1) ||
            !fits(ext2fs_inode_table_loc(native(), group), kTableBlocks))
            throw Error(Errc::corrupt,
                        fmt::format("group descriptor {}: metadata behind the end", group));
        if (ext2fs_bg_free_inodes_count(native(), group) > kInodesPerGroup ||
            ext2fs_bg_itable_unused(native(), group) > kInodesPerGroup ||
            ext2fs_bg_free_blocks_count(native(), group) > kBlocksPerGroup)
            throw Error(Errc::corrupt, fmt::format("group descriptor {}: counts", group));
    }
}

void FileSystemHandle::load_bitmaps() {
    require_ok(io_, ext2fs_read_bitmaps(native()), "reading the bitmaps");
    // The kernel writes the descriptors' counts through its journal and the superblock's rarely.
    std::uint64_t blocks = 0;
    std::uint32_t inodes = 0;
    for (std::uint32_t group = 0; group < nr_groups(); ++group) {
        blocks += ext2fs_bg_free_blocks_count(native(), group);
        inodes += ext2fs_bg_free_inodes_count(native(), group);
    }
    if (blocks == ext2fs_free_blocks_count(&super()) && inodes == super().s_free_inodes_count)
        return;
    ext2fs_free_blocks_count_set(&super(), blocks);
    super().s_free_inodes_count = inodes;
    ext2fs_mark_super_dirty(native());
}

void FileSystemHandle::require_writable() const {
    if (access_ != FileSystemAccess::read_write)
        throw Error(Errc::precondition, "changing a file system that is opened read-only");
}

InodePlace FileSystemHandle::place_of(InodeNumber number) const {
    if (number.value() == 0 || number.value() > nr_inodes())
        throw_corrupt(number, fmt::format("there are {} inodes", nr_inodes()));
    const std::uint32_t group = (number.value() - 1) / kInodesPerGroup;
    const std::uint32_t index = (number.value() - 1) % kInodesPerGroup;
    return {ext2fs_inode_table_loc(native(), group) + index / kInodesPerBlock,
            index % kInodesPerBlock * kInodeSize};
}

void FileSystemHandle::verify_inode(InodeNumber number, InodeRecord& record) const {
    if (ext2fs_inode_csum_verify(native(), number.value(), record.native()) == 0)
        throw_corrupt(number, "wrong checksum");
}

InodeRecord FileSystemHandle::read_inode(InodeNumber number) {
    const InodePlace place = place_of(number);
    InodeRecord record;
    const auto bytes = io_.view(place.block).subspan(place.offset, kInodeSize);
    std::memcpy(record.bytes.data(), bytes.data(), kInodeSize);
    verify_inode(number, record);
    return record;
}

void FileSystemHandle::write_inode(InodeNumber number, InodeRecord record) {
    require_writable();
    require_ok(io_,
               ext2fs_inode_csum_set(native(), number.value(), record.native()),
               "an inode's checksum");
    const InodePlace place = place_of(number);
    io_.write_bytes(place.block * kBlockSize + place.offset, record.bytes);
}

std::vector<BlockRange> FileSystemHandle::kept_for_growth() const {
    const std::uint32_t next = nr_groups();
    const Cluster cluster = cluster_of(next);
    if (cluster.first == next)
        return {};
    const GroupPlace begin = place_of_group(next);
    const std::uint64_t count = cluster.first + cluster.count - next;
    std::vector<BlockRange> ranges;
    for (const std::uint64_t first : {begin.block_bitmap, begin.inode_bitmap})
        if (first < nr_blocks())
            ranges.push_back({first, std::min(count, nr_blocks() - first)});
    return ranges;
}

void FileSystemHandle::flush() {
    require_writable();
    require_ok(io_, ext2fs_write_bitmaps(native()), "writing the bitmaps");
    // Backups are history: they say where things are, and that changes only when it grows.
    native_->flags |= EXT2_FLAG_MASTER_SB_ONLY;
    if (ext2fs_test_changed(native()) != 0 || (native_->flags & EXT2_FLAG_DIRTY) != 0)
        require_ok(io_, ext2fs_flush2(native(), EXT2_FLAG_FLUSH_NO_SYNC), "writing the superblock");
    io_.write_back();
}

void FileSystemHandle::write_backups() {
    std::array<std::byte, kBlockSize> block{};
    const std::span<std::byte> bytes = std::span(block).first(kSuperblockSize);
    const auto* descriptors =
        static_cast<const std::byte*>(static_cast<const void*>(native_->group_desc));
    for (const std::uint32_t group : kBackupGroups) {
        if (group >= nr_groups())
            break;
        ext2_super_block copy = super();
        copy.s_state &= static_cast<std::uint16_t>(~EXT2_VALID_FS);
        copy.s_block_group_nr = static_cast<std::uint16_t>(group);
        std::memcpy(bytes.data(), &copy, sizeof copy);
        seal_superblock(bytes);
        const std::uint64_t first = std::uint64_t{group} * kBlocksPerGroup;
        io_.write(first, block);
        io_.write(first + 1, {descriptors, native_->desc_blocks * kBlockSize});
    }
}

const std::vector<std::pair<std::uint64_t, std::uint32_t>>& FileSystemHandle::inode_tables() {
    if (inode_tables_.empty()) {
        for (std::uint32_t group = 0; group < nr_groups(); ++group)
            inode_tables_.emplace_back(ext2fs_inode_table_loc(native(), group), group);
        std::ranges::sort(inode_tables_);
    }
    return inode_tables_;
}

} // namespace thinsnap::ext4
