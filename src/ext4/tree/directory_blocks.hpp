#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ext4/tree/directory_index.hpp"
#include "ext4/tree/name_hash.hpp"
#include "ext4/types.hpp"

/// \file
/// A directory's content as it stands on the disk.
///
/// What fits into one block is linear. Everything else is an htree with one level of index blocks
/// below which the leaves hang, or two: a linear directory of several blocks would stay linear, and
/// slow, for ever when a container fills it. Leaves and index nodes are filled to 7/8 so that the
/// first names that a container adds split nothing.
/// Source: Linux fs/ext4/namei.c.

namespace thinsnap::ext4::tree {

struct NamedInode {
    std::string_view name;
    InodeNumber inode;
    std::uint8_t type = 0; ///< EXT2_FT_*
};

struct DirectoryIdentity {
    InodeNumber self;
    InodeNumber parent;
    std::uint32_t checksum_seed = 0; ///< inode_seed() of self
};

struct PackedDirectory {
    std::vector<std::byte> blocks; ///< a multiple of 4 KiB, at least one block
    bool indexed = false;
};

/// The blocks of a directory with these entries (without . and ..). A linear directory keeps their
/// order; an indexed one has them in the order of their hashes.
/// \param entries  names of 1 to 255 bytes, all different
/// \throws Error(no_space)  more names than an htree with two index levels can hold (at least
///                          three million of the longest names)
/// Cost: a sort.
[[nodiscard]] PackedDirectory pack_directory(const DirectoryIdentity& identity,
                                             std::span<const NamedInode> entries,
                                             const NameHasher& hasher);

struct PackedLeaves {
    std::vector<std::byte> blocks;
    std::vector<IndexChild> children; ///< numbered from 0
};

/// The leaves of an indexed directory with these entries, in the order of their hashes.
/// \param fill  bytes that the entries of a leaf take at most; at least one stands in each
[[nodiscard]] PackedLeaves pack_leaves(std::uint32_t checksum_seed,
                                       std::span<const NamedInode> entries,
                                       const NameHasher& hasher,
                                       std::size_t fill);

} // namespace thinsnap::ext4::tree
