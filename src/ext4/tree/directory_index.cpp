#include "ext4/tree/directory_index.hpp"

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"
#include "ext4/tree/directory_blocks.hpp"
#include "ext4/tree/dirent.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::size_t kInfo = 24;       // dx_root_info
constexpr std::uint8_t kInfoLength = 8; // of it
constexpr std::size_t kDotDot = 12;     // the root's second entry
constexpr std::size_t kVersionOffset = kInfo + 4;
constexpr std::size_t kLengthOffset = kInfo + 5;
constexpr std::size_t kLevelsOffset = kInfo + 6;
constexpr std::size_t kFlagsOffset = kInfo + 7;

/// The first child's hash gives way to the limit and the count: nothing stands before it.
void pack_children(std::span<std::byte> block,
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

std::optional<std::vector<IndexChild>> unpack_children(std::span<const std::byte> block,
                                                       std::size_t count_offset,
                                                       std::size_t limit,
                                                       std::uint32_t checksum_seed,
                                                       std::uint32_t first_hash) {
    const std::size_t count = load_le<std::uint16_t>(block, count_offset + 2);
    if (load_le<std::uint16_t>(block, count_offset) != limit || count == 0 || count > limit ||
        !is_sealed_index_block(block, count_offset, checksum_seed))
        return std::nullopt;
    std::vector<IndexChild> children(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = count_offset + i * kIndexEntry;
        children[i] = {i == 0 ? first_hash : load_le<std::uint32_t>(block, at),
                       load_le<std::uint32_t>(block, at + 4)};
    }
    return children;
}

} // namespace

void pack_index_root(std::span<std::byte> block,
                     const DirectoryIdentity& identity,
                     std::uint8_t hash_version,
                     std::span<const IndexChild> children,
                     bool two_levels) {
    pack_dirent(block, 0, kDotDot, {".", identity.self, kDirectoryType});
    pack_dirent(block, kDotDot, kBlockBytes - kDotDot, {"..", identity.parent, kDirectoryType});
    store_le<std::uint8_t>(block, kVersionOffset, hash_version);
    store_le<std::uint8_t>(block, kLengthOffset, kInfoLength);
    store_le<std::uint8_t>(block, kLevelsOffset, two_levels ? 1 : 0);
    pack_children(block, kRootCount, kRootLimit, children);
    seal_index_block(block, kRootCount, identity.checksum_seed);
}

void pack_index_node(std::span<std::byte> block,
                     std::uint32_t checksum_seed,
                     std::span<const IndexChild> children) {
    store_le<std::uint16_t>(block, 4, kBlockBytes); // an empty entry over the whole block
    pack_children(block, kNodeCount, kNodeLimit, children);
    seal_index_block(block, kNodeCount, checksum_seed);
}

std::optional<IndexRoot> unpack_index_root(std::span<const std::byte> block,
                                           std::uint32_t checksum_seed,
                                           std::uint8_t hash_version) {
    if (load_le<std::uint16_t>(block, 4) != kDotDot ||
        load_le<std::uint16_t>(block, kDotDot + 4) != kBlockBytes - kDotDot ||
        load_le<std::uint32_t>(block, kInfo) != 0 ||
        load_le<std::uint8_t>(block, kVersionOffset) != hash_version ||
        load_le<std::uint8_t>(block, kLengthOffset) != kInfoLength ||
        load_le<std::uint8_t>(block, kLevelsOffset) > 1 ||
        load_le<std::uint8_t>(block, kFlagsOffset) != 0)
        return std::nullopt;
    auto children = unpack_children(block, kRootCount, kRootLimit, checksum_seed, 0);
    if (!children)
        return std::nullopt;
    return IndexRoot{std::move(*children), load_le<std::uint8_t>(block, kLevelsOffset) == 1};
}

std::optional<std::vector<IndexChild>> unpack_index_node(std::span<const std::byte> block,
                                                         std::uint32_t checksum_seed,
                                                         std::uint32_t first_hash) {
    if (load_le<std::uint32_t>(block, 0) != 0 || load_le<std::uint16_t>(block, 4) != kBlockBytes)
        return std::nullopt;
    return unpack_children(block, kNodeCount, kNodeLimit, checksum_seed, first_hash);
}

} // namespace thinsnap::ext4::tree
