#include "ext4/groups.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/assert.hpp"
#include "base/endian.hpp"

namespace thinsnap::ext4 {

namespace {

std::uint64_t first_block_of(std::uint32_t group) {
    return std::uint64_t{group} * kBlocksPerGroup;
}

bool is_free(FileSystemHandle& handle, const BlockRange& range) {
    return ext2fs_test_block_bitmap_range2(
               handle.native()->block_map, range.first, static_cast<unsigned>(range.count)) != 0;
}

std::uint64_t count_used(FileSystemHandle& handle, std::uint64_t first, std::uint64_t last) {
    ext2fs_block_bitmap map = handle.native()->block_map;
    std::uint64_t used = 0;
    while (first <= last) {
        blk64_t begin = 0;
        if (ext2fs_find_first_set_block_bitmap2(map, first, last, &begin) != 0)
            break;
        blk64_t end = 0;
        if (ext2fs_find_first_zero_block_bitmap2(map, begin, last, &end) != 0)
            end = last + 1;
        used += end - begin;
        first = end;
    }
    return used;
}

/// Where new groups of one cluster get their bitmaps: where the layout wants them, or, where the
/// kernel has put something else there, behind the table of the first of them.
class BitmapPlaces {
public:
    BitmapPlaces(FileSystemHandle& handle, std::uint32_t first, std::uint32_t end)
        : first_(first)
        , count_((end - first + kChunkBlocks - 1) / kChunkBlocks * kChunkBlocks) {
        const GroupPlace place = place_of_group(first);
        const std::uint64_t wanted = end - first;
        as_laid_out_ =
            first == cluster_of(first).first || (is_free(handle, {place.block_bitmap, wanted}) &&
                                                 is_free(handle, {place.inode_bitmap, wanted}));
        behind_table_ = place.inode_table + kTableBlocks;
    }

    [[nodiscard]] GroupPlace of(std::uint32_t group) const {
        GroupPlace place = place_of_group(group);
        if (!as_laid_out_) {
            place.block_bitmap = behind_table_ + (group - first_);
            place.inode_bitmap = place.block_bitmap + count_;
        }
        return place;
    }

private:
    std::uint32_t first_;
    std::uint32_t count_;
    bool as_laid_out_ = true;
    std::uint64_t behind_table_ = 0;
};

/// Marks a block of a group's metadata: in a group that was there before with all counts.
void mark(FileSystemHandle& handle, const BlockRange& range, std::uint32_t first_new) {
    if (range.first < first_block_of(first_new))
        take_blocks(handle, range);
    else
        ext2fs_mark_block_bitmap_range2(
            handle.native()->block_map, range.first, static_cast<unsigned>(range.count));
}

void place_groups(FileSystemHandle& handle, std::uint32_t first, std::uint32_t end) {
    ext2_filsys native = handle.native();
    const BitmapPlaces places(handle, first, end);
    for (std::uint32_t group = first; group < end; ++group) {
        const GroupPlace place = places.of(group);
        ext2fs_block_bitmap_loc_set(native, group, place.block_bitmap);
        ext2fs_inode_bitmap_loc_set(native, group, place.inode_bitmap);
        ext2fs_inode_table_loc_set(native, group, place.inode_table);
        ext2fs_reserve_super_and_bgd(native, group, native->block_map);
        mark(handle, {place.block_bitmap, 1}, first);
        mark(handle, {place.inode_bitmap, 1}, first);
        mark(handle, {place.inode_table, kTableBlocks}, first);
    }
}

/// Whether a bitmap of zeros with the group's own metadata marked is the group's bitmap, as the
/// kernel and e2fsck assume for BLOCK_UNINIT.
bool holds_only_its_own(FileSystemHandle& handle, std::uint32_t group, std::uint64_t used) {
    ext2_filsys native = handle.native();
    std::uint64_t own = kTableBlocks;
    if (has_superblock(group))
        own += 1 + native->desc_blocks + native->super->s_reserved_gdt_blocks;
    for (const std::uint64_t block :
         {ext2fs_block_bitmap_loc(native, group), ext2fs_inode_bitmap_loc(native, group)})
        own += block / kBlocksPerGroup == group ? 1 : 0;
    return own == used;
}

void describe_group(FileSystemHandle& handle, std::uint32_t group) {
    ext2_filsys native = handle.native();
    const std::uint64_t last = ext2fs_group_last_block2(native, group);
    const std::uint64_t size = last + 1 - first_block_of(group);
    const std::uint64_t used = count_used(handle, first_block_of(group), last);
    std::uint16_t flags = EXT2_BG_INODE_UNINIT | EXT2_BG_INODE_ZEROED;
    // e2fsck wants the last group's bitmap on disk, full or short.
    if (group + 1 < handle.nr_groups() && holds_only_its_own(handle, group, used))
        flags |= EXT2_BG_BLOCK_UNINIT;
    ext2fs_bg_flags_zap(native, group);
    ext2fs_bg_flags_set(native, group, flags);
    ext2fs_bg_free_blocks_count_set(native, group, static_cast<std::uint32_t>(size - used));
    ext2fs_bg_free_inodes_count_set(native, group, kInodesPerGroup);
    ext2fs_bg_itable_unused_set(native, group, kInodesPerGroup);
    ext2fs_bg_used_dirs_count_set(native, group, 0);
    ext2fs_group_desc_csum_set(native, group);
    ext2fs_free_blocks_count_add(native->super, size - used);
    native->super->s_free_inodes_count += kInodesPerGroup;
}

/// The blocks that are no content, as statfs(2) tells them; in the superblock, else the kernel
/// counts them at its first mount and writes all superblocks. Source: Linux fs/ext4/super.c,
/// ext4_calculate_overhead().
void set_overhead(FileSystemHandle& handle) {
    ext2_super_block& super = handle.super();
    const std::uint64_t front = 1 + handle.native()->desc_blocks + super.s_reserved_gdt_blocks;
    std::uint64_t overhead = kJournalBlocks;
    for (std::uint32_t group = 0; group < handle.nr_groups(); ++group)
        overhead += kTableBlocks + 2 + (has_superblock(group) ? front : 0);
    super.s_overhead_clusters = static_cast<std::uint32_t>(overhead);
}

std::vector<std::uint32_t> groups_with_backups(std::uint32_t groups) {
    std::vector<std::uint32_t> found;
    for (std::uint32_t group = 1; group < groups; ++group)
        if (has_superblock(group))
            found.push_back(group);
    return found;
}

} // namespace

void take_blocks(FileSystemHandle& handle, const BlockRange& range) {
    ext2fs_block_alloc_stats_range(
        handle.native(), range.first, static_cast<blk_t>(range.count), +1);
}

void add_groups(FileSystemHandle& handle, std::uint32_t first, std::uint32_t end) {
    std::uint32_t begin = first;
    while (begin < end) {
        const Cluster cluster = cluster_of(begin);
        const std::uint32_t stop = std::min(end, cluster.first + cluster.count);
        place_groups(handle, begin, stop);
        begin = stop;
    }
    for (std::uint32_t group = first; group < end; ++group)
        describe_group(handle, group);
    set_overhead(handle);
    ext2fs_mark_bb_dirty(handle.native());
    ext2fs_mark_ib_dirty(handle.native());
    ext2fs_mark_super_dirty(handle.native());
    handle.forget_inode_tables();
}

void write_resize_inode(FileSystemHandle& handle, std::uint32_t map_block, std::uint32_t time) {
    constexpr std::uint32_t pointers = kBlockSize / sizeof(std::uint32_t);
    const ext2_super_block& super = handle.super();
    const auto first = static_cast<std::uint32_t>(handle.native()->desc_blocks);
    const auto backups = groups_with_backups(handle.nr_groups());
    TS_ASSERT(backups.size() <= pointers);
    std::array<std::byte, kBlockSize> map{};
    for (std::uint32_t i = first; i < first + super.s_reserved_gdt_blocks; ++i) {
        store_le<std::uint32_t>(map, i % pointers * 4UL, i + 1);
        std::array<std::byte, kBlockSize> copies{};
        for (std::size_t k = 0; k < backups.size(); ++k)
            store_le<std::uint32_t>(copies, k * 4, i + 1 + backups[k] * kBlocksPerGroup);
        handle.io().write(i + 1, copies);
    }
    handle.io().write(map_block, map);

    constexpr std::uint64_t bytes =
        (std::uint64_t{pointers} * pointers + pointers + 12) * kBlockSize;
    InodeRecord record;
    ext2_inode_large inode{};
    inode.i_mode = LINUX_S_IFREG | 0600;
    inode.i_links_count = 1;
    inode.i_size = static_cast<std::uint32_t>(bytes);
    inode.i_size_high = static_cast<std::uint32_t>(bytes >> 32U);
    inode.i_block[EXT2_DIND_BLOCK] = map_block;
    const std::uint64_t blocks = 1 + super.s_reserved_gdt_blocks * (1 + backups.size());
    inode.i_blocks = static_cast<std::uint32_t>(blocks * (kBlockSize / 512));
    inode.i_atime = inode.i_ctime = inode.i_mtime = inode.i_crtime = time;
    inode.i_extra_isize = sizeof inode - EXT2_GOOD_OLD_INODE_SIZE;
    record.set_fields(inode);
    handle.write_inode(InodeNumber(EXT2_RESIZE_INO), record);
}

} // namespace thinsnap::ext4
