// Growing in user space. libext2fs has no such call: the descriptors, the bitmaps and the resize
// inode are made larger here, and the new groups laid out as format() does it.

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "ext4/file_system.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/groups.hpp"

namespace thinsnap::ext4 {

namespace {

std::uint32_t descriptor_blocks(std::uint32_t groups) {
    return (groups + kDescriptorsPerBlock - 1) / kDescriptorsPerBlock;
}

void enlarge_descriptors(FileSystemHandle& handle, std::uint32_t groups) {
    ext2_filsys native = handle.native();
    const std::uint32_t blocks = descriptor_blocks(groups);
    const auto added = static_cast<std::uint32_t>(blocks - native->desc_blocks);
    void* memory = nullptr;
    require_ok(handle.io(),
               ext2fs_get_arrayzero(blocks, kBlockSize, static_cast<void*>(&memory)),
               "enlarging the descriptors");
    std::memcpy(memory, native->group_desc, native->desc_blocks * kBlockSize);
    ext2fs_free_mem(static_cast<void*>(&native->group_desc));
    native->group_desc = static_cast<opaque_ext2_group_desc*>(memory);
    native->desc_blocks = blocks;
    native->group_desc_count = groups;
    native->super->s_reserved_gdt_blocks =
        static_cast<std::uint16_t>(native->super->s_reserved_gdt_blocks - added);
}

void enlarge_bitmaps(FileSystemHandle& handle) {
    ext2_filsys native = handle.native();
    const std::uint64_t last = handle.nr_blocks() - 1;
    const std::uint64_t last_place = std::uint64_t{handle.nr_groups()} * kBlocksPerGroup - 1;
    require_ok(handle.io(),
               ext2fs_resize_block_bitmap2(last, last_place, native->block_map),
               "enlarging the block bitmap");
    require_ok(
        handle.io(),
        ext2fs_resize_inode_bitmap2(handle.nr_inodes(), handle.nr_inodes(), native->inode_map),
        "enlarging the inode bitmap");
}

/// Gives a last group that was short the blocks that it lacked.
void fill_last_group(FileSystemHandle& handle, std::uint32_t group, std::uint64_t added) {
    if (added == 0)
        return;
    ext2_filsys native = handle.native();
    const std::uint64_t free = ext2fs_bg_free_blocks_count(native, group) + added;
    ext2fs_bg_free_blocks_count_set(native, group, static_cast<std::uint32_t>(free));
    ext2fs_group_desc_csum_set(native, group);
    ext2fs_free_blocks_count_add(native->super, added);
}

/// The block in which the resize inode lists the reserved descriptor blocks.
std::uint32_t find_map_block(FileSystemHandle& handle) {
    const InodeNumber number(EXT2_RESIZE_INO);
    const ext2_inode_large inode = handle.read_inode(number).fields();
    const std::uint32_t block = inode.i_block[EXT2_DIND_BLOCK];
    const std::uint64_t descriptors =
        handle.native()->desc_blocks + handle.super().s_reserved_gdt_blocks;
    if (block <= descriptors || block >= handle.nr_blocks() ||
        ext2fs_test_block_bitmap2(handle.native()->block_map, block) == 0)
        throw_corrupt(number, fmt::format("the resize inode's map is block {}", block));
    return block;
}

} // namespace

std::uint64_t FileSystem::max_size() const {
    const std::uint64_t blocks =
        handle_->native()->desc_blocks + handle_->super().s_reserved_gdt_blocks;
    return std::min(kMaxSize, blocks * kDescriptorsPerBlock * kGroupSize);
}

void FileSystem::grow(std::uint64_t bytes) {
    FileSystemHandle& handle = *handle_;
    handle.require_writable();
    const std::uint64_t old_blocks = handle.nr_blocks();
    if (bytes / kBlockSize == old_blocks)
        return;
    if (bytes < old_blocks * kBlockSize || bytes > handle.io().device().size())
        throw Error(Errc::invalid_argument,
                    fmt::format("growing a file system of {} bytes to {} on a device of {}",
                                old_blocks * kBlockSize,
                                bytes,
                                handle.io().device().size()));
    if (bytes > max_size())
        throw Error(Errc::unsupported,
                    fmt::format("growing a file system to {} bytes: it was made to become at most "
                                "{} large",
                                bytes,
                                max_size()));
    const std::uint64_t blocks = std::max(old_blocks, usable_size(bytes) / kBlockSize);
    if (blocks == old_blocks)
        return;
    const std::uint32_t map_block = find_map_block(handle);
    const std::uint32_t old_groups = handle.nr_groups();
    const std::uint32_t groups = group_count(blocks);
    enlarge_descriptors(handle, groups);
    handle.super().s_blocks_count = static_cast<std::uint32_t>(blocks);
    handle.super().s_inodes_count = groups * kInodesPerGroup;
    enlarge_bitmaps(handle);
    const std::uint64_t whole = std::uint64_t{old_groups} * kBlocksPerGroup;
    fill_last_group(handle, old_groups - 1, std::min(whole, blocks) - old_blocks);
    add_groups(handle, old_groups, groups);
    write_resize_inode(handle, map_block, handle.super().s_mkfs_time);
    handle.write_backups();
}

} // namespace thinsnap::ext4
