#include "ext4/tree/directory_blocks.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/tree/directory_index.hpp"
#include "ext4/tree/dirent.hpp"
#include "ext4/tree/disk.hpp"

namespace thinsnap::ext4::tree {

namespace {

struct HashedEntry {
    NameHash hash;
    std::uint32_t index = 0;
};

std::span<std::byte> block_of(std::vector<std::byte>& blocks, std::size_t block) {
    return std::span(blocks).subspan(block * kBlockBytes, kBlockBytes);
}

bool fits_one_block(std::span<const NamedInode> entries) {
    std::size_t used = 2 * dirent_size(2);
    for (const NamedInode& entry : entries) {
        used += dirent_size(entry.name.size());
        if (used > kDirentSpace)
            return false;
    }
    return true;
}

std::vector<HashedEntry> sorted_by_hash(std::span<const NamedInode> entries,
                                        const NameHasher& hasher) {
    std::vector<HashedEntry> hashed(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
        hashed[i] = {hasher(entries[i].name), static_cast<std::uint32_t>(i)};
    std::sort(hashed.begin(), hashed.end(), [](const HashedEntry& a, const HashedEntry& b) {
        return a.hash != b.hash ? a.hash < b.hash : a.index < b.index;
    });
    return hashed;
}

std::size_t divide_up(std::size_t n, std::size_t by) {
    return (n + by - 1) / by;
}

/// Leaves below each node of a tree with two levels.
std::size_t leaves_per_node(std::size_t leaves) {
    const std::size_t wanted = std::max(kNodeLimit - kNodeLimit / 8, divide_up(leaves, kRootLimit));
    if (wanted > kNodeLimit)
        throw Error(Errc::no_space,
                    fmt::format("writing a directory of {} leaf blocks: an index of two levels "
                                "holds {}",
                                leaves,
                                kRootLimit * kNodeLimit));
    return wanted;
}

PackedDirectory pack_linear(const DirectoryIdentity& identity,
                            std::span<const NamedInode> entries) {
    PackedDirectory directory{std::vector<std::byte>(kBlockBytes), false};
    DirentBlock block(block_of(directory.blocks, 0));
    block.append(".", identity.self, kDirectoryType);
    block.append("..", identity.parent, kDirectoryType);
    for (const NamedInode& entry : entries)
        block.append(entry.name, entry.inode, entry.type);
    block.finish(identity.checksum_seed);
    return directory;
}

PackedDirectory pack_indexed(const DirectoryIdentity& identity,
                             std::span<const NamedInode> entries,
                             const NameHasher& hasher) {
    PackedLeaves packed = pack_leaves(identity.checksum_seed, entries, hasher, kLeafFill);
    PackedDirectory directory{std::move(packed.blocks), true};
    std::vector<IndexChild>& leaves = packed.children;
    const bool two_levels = leaves.size() > kRootLimit;
    const std::size_t per_node = two_levels ? leaves_per_node(leaves.size()) : 0;
    const std::size_t nodes = two_levels ? divide_up(leaves.size(), per_node) : 0;
    directory.blocks.insert(directory.blocks.begin(), (1 + nodes) * kBlockBytes, std::byte{0});
    for (IndexChild& leaf : leaves)
        leaf.block += static_cast<std::uint32_t>(1 + nodes);

    std::vector<IndexChild> top = two_levels ? std::vector<IndexChild>() : leaves;
    for (std::size_t node = 0; node < nodes; ++node) {
        const std::size_t first = node * per_node;
        const auto below = std::span<const IndexChild>(leaves).subspan(
            first, std::min(per_node, leaves.size() - first));
        top.push_back({below.front().hash, static_cast<std::uint32_t>(1 + node)});
        pack_index_node(block_of(directory.blocks, 1 + node), identity.checksum_seed, below);
    }
    pack_index_root(block_of(directory.blocks, 0), identity, hasher.version, top, two_levels);
    return directory;
}

} // namespace

PackedLeaves pack_leaves(std::uint32_t checksum_seed,
                         std::span<const NamedInode> entries,
                         const NameHasher& hasher,
                         std::size_t fill) {
    const std::vector<HashedEntry> order = sorted_by_hash(entries, hasher);
    PackedLeaves leaves;
    for (std::size_t at = 0; at < order.size();) {
        const bool continues = at > 0 && order[at - 1].hash.major == order[at].hash.major;
        leaves.children.push_back({order[at].hash.major | (continues ? 1U : 0U),
                                   static_cast<std::uint32_t>(leaves.children.size())});
        leaves.blocks.resize(leaves.blocks.size() + kBlockBytes);
        DirentBlock block(block_of(leaves.blocks, leaves.children.size() - 1));
        do {
            const NamedInode& entry = entries[order[at].index];
            block.append(entry.name, entry.inode, entry.type);
            ++at;
        } while (at < order.size() &&
                 block.used() + dirent_size(entries[order[at].index].name.size()) <= fill);
        block.finish(checksum_seed);
    }
    return leaves;
}

PackedDirectory pack_directory(const DirectoryIdentity& identity,
                               std::span<const NamedInode> entries,
                               const NameHasher& hasher) {
    return fits_one_block(entries) ? pack_linear(identity, entries)
                                   : pack_indexed(identity, entries, hasher);
}

} // namespace thinsnap::ext4::tree
