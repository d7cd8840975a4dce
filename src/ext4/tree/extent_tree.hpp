#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ext4/tree/disk.hpp"

/// \file
/// The extent tree of an inode: its root in the 60 bytes of i_block, blocks of 340 entries below.
/// Source: Linux fs/ext4/ext4_extents.h.

namespace thinsnap::ext4::tree {

inline constexpr std::size_t kExtentRootBytes = 60;
using ExtentRoot = std::array<std::byte, kExtentRootBytes>;

struct Extent {
    std::uint32_t logical = 0; ///< block of the file
    std::uint32_t count = 0;
    FsBlock physical;
    bool unwritten = false;
};

/// Puts `extent` behind the others; joins the last one where it goes on from there.
void append_extent(std::vector<Extent>& extents, Extent extent);

/// How the blocks of a tree come to be.
struct ExtentTreeTarget {
    std::function<FsBlock()> allocate;
    std::function<void(FsBlock, std::span<const std::byte>)> write;
    std::uint32_t checksum_seed = 0; ///< inode_seed()
};

struct BuiltExtentTree {
    ExtentRoot root{};
    std::uint32_t tree_blocks = 0;
};

/// Builds the tree from its leaves up. \param extents  ascending, not overlapping
[[nodiscard]] BuiltExtentTree build_extent_tree(std::span<const Extent> extents,
                                                const ExtentTreeTarget& target);

/// What a tree on the disk consists of.
struct ExtentTreeContent {
    std::vector<Extent> extents;      ///< ascending
    std::vector<FsBlock> tree_blocks; ///< below the root
};

/// How a tree is read.
struct ExtentTreeSource {
    std::function<void(FsBlock, std::span<std::byte>)> read; ///< one block
    std::uint64_t nr_blocks = 0;                             ///< of the file system
    std::uint32_t checksum_seed = 0;
};

/// Reads a whole tree.
/// \throws Error(corrupt)  a header, an order, a block number or a checksum that cannot be
[[nodiscard]] ExtentTreeContent read_extent_tree(std::span<const std::byte> root,
                                                 const ExtentTreeSource& source);

} // namespace thinsnap::ext4::tree
