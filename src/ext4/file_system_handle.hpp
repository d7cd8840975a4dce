#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <ext2fs/ext2fs.h>

#include <thinsnap/block_device.hpp>

#include "ext4/device_io.hpp"
#include "ext4/file_system.hpp"
#include "ext4/inode.hpp"
#include "ext4/layout.hpp"
#include "ext4/types.hpp"

/// \file
/// What FileSystem stands on, for the sources of this folder only: libext2fs' types are allowed
/// here. Block numbers are plain, in units of 4 KiB.

namespace thinsnap::ext4 {

/// Where an inode's record stands.
struct InodePlace {
    std::uint64_t block = 0;
    std::uint32_t offset = 0; ///< in the block
};

/// \throws what was thrown below the callbacks of libext2fs, else Error(corrupt) (or internal for
///         want of memory) with `action` and libext2fs' number; nothing when `code` is 0
void require_ok(DeviceIo& io, errcode_t code, std::string_view action);

/// An open file system. The bitmaps (native()->block_map and inode_map, red-black trees: free runs
/// are found by ext2fs_find_first_zero/set_*) are there when it was opened read_write.
///
/// What is changed by whom: blocks by ext2fs_block_alloc_stats_range(), inodes by
/// ext2fs_inode_alloc_stats2(); both keep counts, flags and descriptor checksums, and mark the
/// bitmaps dirty for flush(). native()->now is the superblock's time of the last write, never the
/// clock. native()'s inode cache is not used: read and write inodes here.
class FileSystemHandle {
public:
    FileSystemHandle(BlockDevice& device, FileSystemAccess access);
    /// A new one: the superblock as ext2fs_initialize() makes it of `parameters`, and nothing else
    /// but the bitmaps with the superblocks' and descriptors' places.
    FileSystemHandle(BlockDevice& device, ext2_super_block& parameters);

    [[nodiscard]] ext2_filsys native() const { return native_.get(); }
    [[nodiscard]] ext2_super_block& super() const { return *native_->super; }
    [[nodiscard]] DeviceIo& io() { return io_; }
    [[nodiscard]] FileSystemAccess access() const { return access_; }
    /// \throws Error(precondition)  opened read_only
    void require_writable() const;

    [[nodiscard]] std::uint64_t nr_blocks() const { return super().s_blocks_count; }
    [[nodiscard]] std::uint32_t nr_inodes() const { return super().s_inodes_count; }
    [[nodiscard]] std::uint32_t nr_groups() const { return native_->group_desc_count; }

    /// \throws Error(corrupt)  no such inode
    [[nodiscard]] InodePlace place_of(InodeNumber number) const;
    /// The record, its checksum verified, in use or not. What was never written is all zeros.
    [[nodiscard]] InodeRecord read_inode(InodeNumber number);
    /// Of a record that the caller has read; all zeros are right.
    /// \throws Error(corrupt)  it is wrong
    void verify_inode(InodeNumber number, InodeRecord& record) const;
    /// Sets the checksum and puts the record in the cache.
    void write_inode(InodeNumber number, InodeRecord record);

    /// Free blocks that grow() wants for the bitmaps of groups to come: use them last. Ascending.
    [[nodiscard]] std::vector<BlockRange> kept_for_growth() const;

    /// Everything but the device's flush.
    void flush();
    /// Puts superblock and descriptors to the places of layout.hpp's kBackupGroups.
    void write_backups();

    /// What opening it replayed from its journal, ascending.
    [[nodiscard]] const std::vector<BlockRange>& replayed() const { return replayed_; }

    /// Groups by the first block of their inode table, ascending.
    [[nodiscard]] const std::vector<std::pair<std::uint64_t, std::uint32_t>>& inode_tables();
    /// After groups were added.
    void forget_inode_tables() { inode_tables_.clear(); }

private:
    struct Free {
        void operator()(ext2_filsys native) const noexcept;
    };
    void open();
    void check_descriptors() const;
    void load_bitmaps();

    DeviceIo io_;
    FileSystemAccess access_;
    std::vector<BlockRange> replayed_;
    std::unique_ptr<struct_ext2_filsys, Free> native_;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> inode_tables_;
};

} // namespace thinsnap::ext4
