#include "ext4/tree/directory_blocks.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"
#include "ext4/tree/dirent.hpp"
#include "ext4/tree/disk.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::size_t kSlack = kDirentSpace / 8;
constexpr std::size_t kIndexEntry = 8;
constexpr std::size_t kIndexTail = 8;
constexpr std::size_t kRootCount = 32; // behind . and .. and dx_root_info
constexpr std::size_t kInfo = 24;      // dx_root_info
constexpr std::size_t kNodeCount = 8;  // behind an empty entry that covers the block
constexpr std::size_t kRootLimit = (kBlockBytes - kRootCount - kIndexTail) / kIndexEntry;
constexpr std::size_t kNodeLimit = (kBlockBytes - kNodeCount - kIndexTail) / kIndexEntry;

struct HashedEntry {
    NameHash hash;
    std::uint32_t index = 0;
};

/// A child of an index block: its number in the directory and the hash it starts with. The lowest
/// bit says that the child before it ends with the same hash.
struct IndexChild {
    std::uint32_t hash = 0;
    std::uint32_t block = 0;
};

std::span<std::byte> block_of(PackedDirectory& directory, std::size_t block) {
    return std::span(directory.blocks).subspan(block * kBlockBytes, kBlockBytes);
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

/// Fills leaf blocks one after another, from directory block 0 on; the index is put before them
/// when their number is known.
std::vector<IndexChild> pack_leaves(PackedDirectory& leaves,
                                    std::span<const NamedInode> entries,
                                    std::span<const HashedEntry> order,
                                    std::uint32_t checksum_seed) {
    std::vector<IndexChild> children;
    for (std::size_t at = 0; at < order.size();) {
        const bool continues = at > 0 && order[at - 1].hash.major == order[at].hash.major;
        children.push_back({order[at].hash.major | (continues ? 1U : 0U),
                            static_cast<std::uint32_t>(children.size())});
        leaves.blocks.resize(leaves.blocks.size() + kBlockBytes);
        DirentBlock block(block_of(leaves, children.size() - 1));
        do {
            const NamedInode& entry = entries[order[at].index];
            block.append(entry.name, entry.inode, entry.type);
            ++at;
        } while (at < order.size() &&
                 block.used() + dirent_size(entries[order[at].index].name.size()) <=
                     kDirentSpace - kSlack);
        block.finish(checksum_seed);
    }
    return children;
}

/// The first child's hash gives way to the limit and the count: nothing stands before it.
void pack_index(std::span<std::byte> block,
                std::size_t count_offset,
                std::size_t limit,
                std::span<const IndexChild> children) {
    TS_ASSERT(!children.empty() && children.size() <= limit);
    for (std::size_t i = 0; i < children.size(); ++i) {
        const std::size_t at = count_offset + i * kIndexEntry;
        store_le<std::uint32_t>(block, at, children[i].hash);
        store_le<std::uint32_t>(block, at + 4, children[i].block);
    }
    store_le<std::uint16_t>(block, count_offset, static_cast<std::uint16_t>(limit));
    store_le<std::uint16_t>(block, count_offset + 2, static_cast<std::uint16_t>(children.size()));
}

void pack_root(std::span<std::byte> block,
               const DirectoryIdentity& identity,
               std::uint8_t hash_version,
               std::span<const IndexChild> children,
               bool two_levels) {
    pack_dirent(block, 0, dirent_size(1), {".", identity.self, kDirectoryType});
    pack_dirent(block, 12, kBlockBytes - 12, {"..", identity.parent, kDirectoryType});
    store_le<std::uint8_t>(block, kInfo + 4, hash_version);
    store_le<std::uint8_t>(block, kInfo + 5, 8); // info_length
    store_le<std::uint8_t>(block, kInfo + 6, two_levels ? 1 : 0);
    pack_index(block, kRootCount, kRootLimit, children);
    seal_index_block(block, kRootCount, identity.checksum_seed);
}

void pack_node(std::span<std::byte> block,
               std::uint32_t checksum_seed,
               std::span<const IndexChild> children) {
    store_le<std::uint16_t>(block, 4, kBlockBytes); // an empty entry over the whole block
    pack_index(block, kNodeCount, kNodeLimit, children);
    seal_index_block(block, kNodeCount, checksum_seed);
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
    DirentBlock block(block_of(directory, 0));
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
    PackedDirectory directory{{}, true};
    std::vector<IndexChild> leaves =
        pack_leaves(directory, entries, sorted_by_hash(entries, hasher), identity.checksum_seed);
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
        pack_node(block_of(directory, 1 + node), identity.checksum_seed, below);
    }
    pack_root(block_of(directory, 0), identity, hasher.version, top, two_levels);
    return directory;
}

} // namespace

PackedDirectory pack_directory(const DirectoryIdentity& identity,
                               std::span<const NamedInode> entries,
                               const NameHasher& hasher) {
    return fits_one_block(entries) ? pack_linear(identity, entries)
                                   : pack_indexed(identity, entries, hasher);
}

} // namespace thinsnap::ext4::tree
