#include "pdata/block.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "pdata/node.hpp"

namespace thinsnap::pdata {

namespace {

constexpr std::size_t kNumberOffset = 8; // of the block's own number, in every kind

std::uint32_t salt_of(BlockKind kind) {
    switch (kind) {
    case BlockKind::superblock:
        return 160774; // dm-thin-metadata.c, SUPERBLOCK_CSUM_XOR
    case BlockKind::node:
        return 121107; // dm-btree-spine.c, BTREE_CSUM_XOR
    case BlockKind::bitmap:
        return 240779; // dm-space-map-common.c, BITMAP_CSUM_XOR
    case BlockKind::index:
        return 160478; // dm-space-map-common.c, INDEX_CSUM_XOR
    }
    return 0;
}

std::uint32_t checksum(BlockKind kind, ConstBlockBytes block) {
    return crc32c_raw(block.subspan(4)) ^ salt_of(kind);
}

[[noreturn]] void corrupt(BlockKind kind, MetaBlock where, const std::string& detail) {
    throw CorruptionError(name_of(kind), where.value(), detail);
}

void validate_node(MetaBlock where, ConstBlockBytes block) {
    const NodeView node(block);
    const std::uint32_t flags = node.flags();
    if ((flags & 3U) != 1 && (flags & 3U) != 2)
        corrupt(BlockKind::node,
                where,
                fmt::format("flags are {}, expected 1 (internal) or 2 (leaf)", flags));
    const std::uint64_t entry = std::uint64_t{8} + node.value_size();
    const std::uint64_t room = (kBlockSize - kNodeHeaderSize) / entry; // a product could overflow
    if (node.value_size() == 0 || node.max() > room)
        corrupt(BlockKind::node,
                where,
                fmt::format("{} entries of {} bytes do not fit in a block", node.max(), entry));
    if (node.size() > node.max())
        corrupt(BlockKind::node,
                where,
                fmt::format("has {} entries, has room for {}", node.size(), node.max()));
    if (!node.is_leaf() && node.size() == 0)
        corrupt(BlockKind::node, where, "is internal and has no child");
    for (std::uint32_t i = 1; i < node.size(); ++i)
        if (node.key(i - 1) >= node.key(i))
            corrupt(BlockKind::node,
                    where,
                    fmt::format("keys are not ascending: entry {} is {}, entry {} is {}",
                                i - 1,
                                node.key(i - 1),
                                i,
                                node.key(i)));
}

} // namespace

const char* name_of(BlockKind kind) noexcept {
    switch (kind) {
    case BlockKind::superblock:
        return "superblock";
    case BlockKind::node:
        return "btree node";
    case BlockKind::bitmap:
        return "space map bitmap";
    case BlockKind::index:
        break;
    }
    return "metadata index";
}

void seal(BlockKind kind, MetaBlock where, BlockBytes block) {
    store_le<std::uint64_t>(block, kNumberOffset, where.value());
    store_le<std::uint32_t>(block, 0, checksum(kind, block));
}

void validate(BlockKind kind, MetaBlock where, ConstBlockBytes block) {
    const auto stored = load_le<std::uint32_t>(block, 0);
    const std::uint32_t computed = checksum(kind, block);
    if (stored != computed)
        corrupt(kind,
                where,
                fmt::format("checksum is {:#010x}, its content gives {:#010x}", stored, computed));
    const auto number = load_le<std::uint64_t>(block, kNumberOffset);
    if (number != where.value())
        corrupt(kind, where, fmt::format("says that it is block {}", number));
    if (kind == BlockKind::node)
        validate_node(where, block);
}

} // namespace thinsnap::pdata
