#pragma once

#include <cstddef>
#include <cstdint>

#include <thinsnap/types.hpp>

#include "ext4/types.hpp"

/// \file
/// The few constants of the format that directories, extents and inodes share. A TreeWriter works
/// on layout version 1 and what the kernel makes of it: 4 KiB blocks, 256-byte inodes, checksums.
/// Source: Linux fs/ext4/ext4.h, ext4_extents.h; libext2fs ext2_fs.h.

namespace thinsnap::ext4::tree {

/// A block of the file system, unit 4 KiB.
using FsBlock = Quantity<struct FsBlockTag>;

inline constexpr std::size_t kBlockBytes = kBlockSize;
inline constexpr std::size_t kInodeBytes = 256;
inline constexpr std::uint32_t kInodesPerBlock = kBlockBytes / kInodeBytes;
inline constexpr std::uint32_t kSectorsPerBlock = kBlockBytes / 512; // unit of i_blocks
inline constexpr std::uint32_t kMaxLinks = 65000;                    // EXT4_LINK_MAX

inline constexpr std::uint32_t kIndexFlag = 0x1000;     // EXT4_INDEX_FL: the directory is an htree
inline constexpr std::uint32_t kHugeFileFlag = 0x40000; // EXT4_HUGE_FILE_FL: i_blocks in blocks
inline constexpr std::uint32_t kExtentsFlag = 0x80000;  // EXT4_EXTENTS_FL
inline constexpr std::uint32_t kEaInodeFlag = 0x200000; // EXT4_EA_INODE_FL
inline constexpr std::uint32_t kInlineDataFlag = 0x10000000; // EXT4_INLINE_DATA_FL

/// Blocks that follow one another.
struct BlockRun {
    FsBlock start;
    std::uint32_t count = 0;
};

} // namespace thinsnap::ext4::tree
