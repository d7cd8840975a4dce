#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <thinsnap/types.hpp>

/// \file
/// Metadata blocks: 4 KiB each, numbered from the start of the metadata device, in five kinds of
/// which a thin pool uses four. Nothing in a block tells its kind; who points to it does. The
/// checksum is salted by kind, so that a block of another kind never passes.

namespace thinsnap::pdata {

inline constexpr std::size_t kBlockSize = 4096;

using BlockBytes = std::span<std::byte, kBlockSize>;
using ConstBlockBytes = std::span<const std::byte, kBlockSize>;

enum class BlockKind : std::uint8_t { superblock, node, bitmap, index };

/// The kind's name in errors: "superblock", "btree node", "space map bitmap", "metadata index".
[[nodiscard]] const char* name_of(BlockKind kind) noexcept;

/// Writes the block's own number and its checksum into it, as must be done last before it is
/// written. Source: Linux dm-block-manager.c; checksum constants in dm-btree-spine.c,
/// dm-space-map-common.c, dm-thin-metadata.c.
void seal(BlockKind kind, MetaBlock where, BlockBytes block);

/// Checks what must hold before anything in the block is used as an index: checksum, own number,
/// and for a node its flags, limits and the strict order of its keys. \throws CorruptionError
/// naming block, structure, and what was expected and seen
void validate(BlockKind kind, MetaBlock where, ConstBlockBytes block);

} // namespace thinsnap::pdata
