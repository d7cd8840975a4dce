#pragma once

#include <cstdint>
#include <span>

#include "ext4/checksums.hpp"

namespace thinsnap::ext4::tree {

/// \file
/// Where the checksums of checksums.hpp stand in their blocks. `inode_seed` is inode_seed() of whom
/// the block belongs to.

/// Puts the checksum into the 12-byte tail of a directory's leaf or linear block.
void seal_directory_block(std::span<std::byte> block, std::uint32_t inode_seed);
[[nodiscard]] bool is_sealed_directory_block(std::span<const std::byte> block,
                                             std::uint32_t inode_seed);

/// Puts the checksum behind the entries of an htree's index block.
/// \param count_offset  where its limit and count stand: 32 in the root, 8 in a node
void seal_index_block(std::span<std::byte> block,
                      std::size_t count_offset,
                      std::uint32_t inode_seed);
/// Limit and count must fit into the block.
[[nodiscard]] bool is_sealed_index_block(std::span<const std::byte> block,
                                         std::size_t count_offset,
                                         std::uint32_t inode_seed);

/// Puts the checksum into the tail of a block of an extent tree.
void seal_extent_block(std::span<std::byte> block, std::uint32_t inode_seed);
[[nodiscard]] bool is_sealed_extent_block(std::span<const std::byte> block,
                                          std::uint32_t inode_seed);

} // namespace thinsnap::ext4::tree
