#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ext4/types.hpp"

/// \file
/// The checksums of metadata_csum that need nothing but their block. All are CRC-32C, the register
/// started with a seed and not inverted at the end. `seed` is ext2_filsys::csum_seed.
/// Source: Linux fs/ext4/{namei,extents,xattr,inode}.c.

namespace thinsnap::ext4 {

/// The seed of what belongs to one inode: directory blocks, extent blocks.
[[nodiscard]] std::uint32_t
inode_seed(std::uint32_t seed, InodeNumber inode, std::uint32_t generation);

/// Bytes at the end of a directory block that hold its tail; an entry that looks unused.
inline constexpr std::size_t kDirectoryTail = 12;

/// Of a block of entries, tail left out.
[[nodiscard]] std::uint32_t directory_block_checksum(std::uint32_t inode_seed,
                                                     std::span<const std::byte> block);
/// Of a block of an index (htree). \param count_offset  where limit and count stand: 32 in the
/// root, 8 elsewhere; both must fit into the block with the tail behind
[[nodiscard]] std::uint32_t directory_index_checksum(std::uint32_t inode_seed,
                                                     std::span<const std::byte> block,
                                                     std::size_t count_offset);
/// Of a block of an extent tree. \param max_entries  as its header says; they must fit
[[nodiscard]] std::uint32_t extent_block_checksum(std::uint32_t inode_seed,
                                                  std::span<const std::byte> block,
                                                  std::size_t max_entries);
/// Of a block of xattrs that stands at block number `where`.
[[nodiscard]] std::uint32_t
xattr_block_checksum(std::uint32_t seed, std::span<const std::byte> block, std::uint64_t where);

} // namespace thinsnap::ext4
