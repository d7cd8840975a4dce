#include "thin/reachable_blocks.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "pdata/bitmap.hpp"
#include "pdata/btree_reader.hpp"
#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin {

using pdata::BlockKind;
using pdata::NodeView;

namespace {

constexpr auto kNothing = [](NodeView) {};

} // namespace

ReachableBlocks::ReachableBlocks(pdata::BlockCache& cache, const Superblock& superblock)
    : cache_(cache)
    , kinds_(std::min({superblock.metadata_space_map.nr_blocks,
                       cache.nr_blocks(),
                       pdata::kMaxMetadataBlocks})) {
    mark(MetaBlock(0), BlockKind::superblock);
    add_devices(superblock);
    add_data_map(superblock.data_space_map);
    add_metadata_map(superblock.metadata_space_map);
    if (superblock.held_root != MetaBlock(0))
        add_held(superblock.held_root);
}

std::optional<BlockKind> ReachableBlocks::kind_of(std::uint64_t block) const {
    if (kinds_[block] == 0)
        return std::nullopt;
    return static_cast<BlockKind>(kinds_[block] - 1);
}

bool ReachableBlocks::mark(MetaBlock block, BlockKind kind) {
    const auto mark = static_cast<std::uint8_t>(static_cast<std::uint8_t>(kind) + 1);
    if (block.value() >= kinds_.size())
        throw CorruptionError(name_of(kind),
                              block.value(),
                              fmt::format("the metadata space map has {} blocks", kinds_.size()));
    std::uint8_t& known = kinds_[block.value()];
    if (known == mark)
        return false;
    if (known != 0)
        throw CorruptionError(
            name_of(kind),
            block.value(),
            fmt::format("is also used as {}", name_of(static_cast<BlockKind>(known - 1))));
    known = mark;
    ++count_;
    return true;
}

void ReachableBlocks::add_tree(MetaBlock root,
                               std::uint32_t value_size,
                               auto&& visit_leaf,
                               int depth) {
    if (!mark(root, BlockKind::node))
        return;
    if (depth == pdata::kMaxDepth)
        throw CorruptionError("btree node", root.value(), "the tree is too deep");
    const auto ref = pdata::BtreeReader(cache_, value_size).node(root);
    const NodeView node(ref.bytes());
    if (node.is_leaf()) {
        visit_leaf(node);
        return;
    }
    for (std::uint32_t i = 0; i < node.size(); ++i)
        add_tree(node.child(i), value_size, visit_leaf, depth + 1);
}

void ReachableBlocks::add_devices(const Superblock& superblock) {
    constexpr std::uint32_t value_size = sizeof(std::uint64_t);
    add_tree(superblock.details_root, sizeof(DeviceDetailsDisk), kNothing);
    add_tree(superblock.mapping_root, value_size, [&](NodeView leaf) {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            add_tree(MetaBlock(leaf.value64(i)), value_size, kNothing);
    });
}

void ReachableBlocks::add_data_map(const pdata::SpaceMapRoot& root) {
    add_tree(root.bitmap_root, pdata::IndexEntry::kSize, [&](NodeView leaf) {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            mark(pdata::IndexEntry::unpack(leaf.value(i)).bitmap, BlockKind::bitmap);
    });
    add_tree(root.ref_count_root, sizeof(std::uint32_t), kNothing);
}

void ReachableBlocks::add_metadata_map(const pdata::SpaceMapRoot& root) {
    mark(root.bitmap_root, BlockKind::index);
    const auto index = cache_.read(root.bitmap_root, BlockKind::index);
    constexpr std::size_t size = pdata::IndexEntry::kSize;
    for (std::uint64_t i = 0; i < pdata::bitmaps_for(kinds_.size()); ++i)
        mark(pdata::IndexEntry::unpack(index.bytes().subspan(size * (i + 1), size)).bitmap,
             BlockKind::bitmap);
    add_tree(root.ref_count_root, sizeof(std::uint32_t), kNothing);
}

void ReachableBlocks::add_held(MetaBlock where) {
    mark(where, BlockKind::superblock);
    const auto held = cache_.read(where, BlockKind::superblock);
    add_devices(unpack_superblock(held.bytes(), where));
}

} // namespace thinsnap::thin
