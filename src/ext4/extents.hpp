#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ext4/inode.hpp"
#include "ext4/types.hpp"

/// \file
/// Reading extent trees. libext2fs' own walk trusts the depth that a tree claims.

namespace thinsnap::ext4 {

class DeviceIo;

/// Blocks of a file. Units: blocks.
struct Extent {
    std::uint64_t logical = 0;
    std::uint64_t physical = 0;
    std::uint32_t count = 0;
    bool unwritten = false;
};

/// What is needed to follow a tree.
struct ExtentTree {
    InodeNumber inode;                   ///< for messages and checksums
    std::span<const std::byte, 60> root; ///< i_block
    std::uint32_t seed = 0;              ///< inode_seed()
    std::uint64_t nr_blocks = 0;         ///< of the file system
};

/// The extents from the one on that holds, or follows, block `from`; ascending; `visit` returns
/// false to stop.
///
/// Each node must lie one level below its parent and within the logical range that the parent gives
/// it, which no cycle can; so the cost is bounded by the blocks that the tree really has.
/// \param meet_node  is told each block of the tree; may be empty
/// \throws Error(corrupt)
void for_each_extent(DeviceIo& io,
                     const ExtentTree& tree,
                     std::uint64_t from,
                     const std::function<bool(const Extent&)>& visit,
                     const std::function<void(std::uint64_t block)>& meet_node = {});

} // namespace thinsnap::ext4
