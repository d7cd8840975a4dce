#pragma once

#include <array>
#include <cstdint>

#include "ext4/types.hpp"

/// \file
/// Layout version 1: where the metadata of a file system of ours stands, as pure functions. Made to
/// take few chunks of a thin pool, fresh and when little is changed, and to grow:
///
///     group 0   | super | descriptors | reserved .. | resize, root | ..1040 | bitmaps | table |
///     journal | sparse    | super | descriptors | reserved ..                | ..1040 | table   |
///     data .. others    | table | data ..
///
/// - 128 MiB groups with 8192 inodes of 256 bytes; each group's inode table lies in the group.
/// - The bitmaps of many groups lie together: a cluster is the base size (80 groups, 10 GiB), and
///   then as many groups again as there are before it, at most 10240. Its first group holds first
///   the block bitmaps, then the inode bitmaps of all its groups, so that the bitmaps of 16
///   neighbours share a 64 KiB chunk. A group that holds only what is its own needs no bitmap on
///   disk while it is unused (BLOCK_UNINIT), so a fresh file system writes one for each cluster,
///   of which 1 TiB has eight. Groups by 16 as mke2fs lays them out would need one for each 16: 32
///   MiB of chunks at 1 TiB.
/// - Doubling begins a new cluster in a new group: what the kernel did with the old groups does not
///   stand in the way. A place that is taken (a cluster that was there in part) makes grow() put
///   the bitmaps of the new groups at the beginning of the first of these.
/// - Room for the descriptors of 16 TiB is left at the front of each group with a superblock, so
///   that the tables stand in the same place whatever number of descriptors was reserved.
/// - Superblock and descriptors are backed up in kBackupGroups only; the place is reserved in all
///   groups that sparse_super names, and the kernel's resize fills it.

namespace thinsnap::ext4 {

inline constexpr std::uint32_t kLayoutVersion = 1;

inline constexpr std::uint32_t kBlocksPerGroup = 32768;
inline constexpr std::uint32_t kChunkBlocks = 16; ///< 64 KiB
inline constexpr std::uint32_t kInodesPerGroup = 8192;
inline constexpr std::uint32_t kInodeSize = 256;
inline constexpr std::uint32_t kTableBlocks = kInodesPerGroup * kInodeSize / kBlockSize;
inline constexpr std::uint32_t kDescriptorsPerBlock = kBlockSize / 32;

inline constexpr std::uint32_t kBaseGroups = 80;
inline constexpr std::uint64_t kGroupSize = std::uint64_t{kBlocksPerGroup} * kBlockSize;
inline constexpr std::uint64_t kBaseSize = kBaseGroups * kGroupSize; ///< 10 GiB
inline constexpr std::uint64_t kMinSize = 64ULL << 20U;
inline constexpr std::uint64_t kMaxSize =
    (1ULL << 44U) - kGroupSize; ///< block numbers have 32 bits

/// Blocks at the front of a group with a superblock that are no table and no bitmap: superblock,
/// up to 1024 descriptor blocks, and in group 0 the resize inode's block and the root directory.
inline constexpr std::uint32_t kSuperblockRoom = 1040;
inline constexpr std::uint32_t kJournalBlocks = 1024;
inline constexpr std::array<std::uint32_t, 5> kBackupGroups = {1, 3, 5, 7, 9};

/// Blocks [first, first + count).
struct BlockRange {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    [[nodiscard]] std::uint64_t end() const { return first + count; }
    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const BlockRange&, const BlockRange&) = default;
};

/// Where a group's metadata stands.
struct GroupPlace {
    std::uint64_t block_bitmap = 0;
    std::uint64_t inode_bitmap = 0;
    std::uint64_t inode_table = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const GroupPlace&, const GroupPlace&) = default;
};

/// Groups whose bitmaps lie together.
struct Cluster {
    std::uint32_t first = 0; ///< group
    std::uint32_t count = 0; ///< groups of a whole one; the file system may end before
};

/// How many bytes of a device of `bytes` a file system takes: whole blocks, and no last group that
/// has no room for its own metadata and 64 blocks of content.
/// \throws Error(invalid_argument)  less than kMinSize or more than kMaxSize
[[nodiscard]] std::uint64_t usable_size(std::uint64_t bytes);

/// The size to try when a file system of `bytes` is full: twice as much, from kBaseSize on.
/// \throws Error(no_space)  `bytes` is the largest already
[[nodiscard]] std::uint64_t next_size(std::uint64_t bytes);

/// Groups of a file system of so many blocks.
[[nodiscard]] std::uint32_t group_count(std::uint64_t blocks);

/// Whether sparse_super puts a superblock into the group: 0, 1 and the powers of 3, 5 and 7.
[[nodiscard]] bool has_superblock(std::uint32_t group);

[[nodiscard]] Cluster cluster_of(std::uint32_t group);
[[nodiscard]] GroupPlace place_of_group(std::uint32_t group);

/// Blocks of all descriptors that a file system made at this size can ever have: those for 1 TiB or
/// for four times its size, whichever is more.
[[nodiscard]] std::uint32_t descriptor_room(std::uint64_t bytes);

/// The journal's blocks, behind group 0's inode table.
[[nodiscard]] BlockRange journal_place();

} // namespace thinsnap::ext4
