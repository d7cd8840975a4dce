#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ext4/tree/disk.hpp"

/// \file
/// The index blocks of an htree: the root, which also is the directory's first block, and the nodes
/// of one level below it.
/// Source: Linux fs/ext4/namei.c.

namespace thinsnap::ext4::tree {

struct DirectoryIdentity;

/// A child of an index block: its number in the directory and the hash it starts with. The lowest
/// bit says that the child before it ends with the same hash.
struct IndexChild {
    std::uint32_t hash = 0;
    std::uint32_t block = 0;
};

inline constexpr std::size_t kIndexEntry = 8;
inline constexpr std::size_t kIndexTail = 8;
inline constexpr std::size_t kRootCount = 32; // behind . and .. and dx_root_info
inline constexpr std::size_t kNodeCount = 8;  // behind an empty entry that covers the block
/// Children that a root and a node can have.
inline constexpr std::size_t kRootLimit = (kBlockBytes - kRootCount - kIndexTail) / kIndexEntry;
inline constexpr std::size_t kNodeLimit = (kBlockBytes - kNodeCount - kIndexTail) / kIndexEntry;

/// \param block  zeros, or a root that is written anew
void pack_index_root(std::span<std::byte> block,
                     const DirectoryIdentity& identity,
                     std::uint8_t hash_version,
                     std::span<const IndexChild> children,
                     bool two_levels);
/// Likewise a node. Its first child's hash is in its parent only.
void pack_index_node(std::span<std::byte> block,
                     std::uint32_t checksum_seed,
                     std::span<const IndexChild> children);

struct IndexRoot {
    std::vector<IndexChild> children; ///< the first one's hash is 0
    bool two_levels = false;
};
/// \return nothing for what pack_index_root() does not make, with another version of the hash, or
///          with a wrong checksum
[[nodiscard]] std::optional<IndexRoot> unpack_index_root(std::span<const std::byte> block,
                                                         std::uint32_t checksum_seed,
                                                         std::uint8_t hash_version);
/// \param first_hash  of the first child
/// \return nothing for what pack_index_node() does not make, or with a wrong checksum
[[nodiscard]] std::optional<std::vector<IndexChild>> unpack_index_node(
    std::span<const std::byte> block, std::uint32_t checksum_seed, std::uint32_t first_hash);

} // namespace thinsnap::ext4::tree
