#pragma once

#include <cstdint>

#include "ext4/file_system_handle.hpp"

/// \file
/// The steps that making and growing a file system share: both lay out groups by the same rule.

namespace thinsnap::ext4 {

/// Lays out the groups [first, end): places, bits, descriptors, and the superblock's free counts.
/// Descriptors, bitmaps and the superblock have their size already; the superblocks' and
/// descriptors' own blocks need not be marked.
void add_groups(FileSystemHandle& handle, std::uint32_t first, std::uint32_t end);

/// Marks blocks as used, with all counts.
void take_blocks(FileSystemHandle& handle, const BlockRange& range);

/// The inode that owns the reserved descriptor blocks and their backups, for the number of groups
/// and reserved blocks that the superblock now has.
/// \param map_block  the block that lists the reserved blocks of group 0
void write_resize_inode(FileSystemHandle& handle, std::uint32_t map_block, std::uint32_t time);

} // namespace thinsnap::ext4
