#pragma once

#include <cstdint>
#include <optional>

#include "base/endian.hpp"
#include "pdata/block.hpp"

/// \file
/// The disk structures of the two space maps (which block is used how often).
///
/// A bitmap block is 16 bytes of header and 16320 counts of two bits: 0, 1, 2, or 3 for "three or
/// more, see the overflow tree". The lower-numbered bit is the high bit of the count.
/// Source: Linux drivers/md/persistent-data/dm-space-map-common.h.

namespace thinsnap::pdata {

inline constexpr std::uint32_t kEntriesPerBitmap = (kBlockSize - 16) * 4; // 16320
inline constexpr std::uint32_t kIndexEntries = 255;                       // MAX_METADATA_BITMAPS
inline constexpr std::uint32_t kOverflow = 3; // count field: see the overflow tree
inline constexpr std::uint32_t kOverflowValueSize = 4;
/// More metadata blocks than this no pool can have (15.88 GiB); what is above is not used.
inline constexpr std::uint64_t kMaxMetadataBlocks =
    std::uint64_t{kEntriesPerBitmap} * kIndexEntries;

/// Count field of entry `i`, 0 to 3.
[[nodiscard]] inline std::uint32_t bitmap_get(ConstBlockBytes block, std::uint32_t i) {
    const auto raw = std::to_integer<std::uint32_t>(block[16 + i / 4]) >> (2 * (i % 4)) & 3U;
    return (raw & 1U) << 1U | raw >> 1U;
}

inline void bitmap_set(BlockBytes block, std::uint32_t i, std::uint32_t field) {
    const auto raw = (field & 1U) << 1U | field >> 1U;
    std::byte& at = block[16 + i / 4];
    const auto shift = 2 * (i % 4);
    at = (at & ~(std::byte{3} << shift)) | (static_cast<std::byte>(raw) << shift);
}

/// First entry in [from, to) with count 0; steps over full stretches eight bytes at a time.
[[nodiscard]] std::optional<std::uint32_t>
bitmap_find_zero(ConstBlockBytes block, std::uint32_t from, std::uint32_t to);

/// Number of entries in [0, to) with a count above 0.
[[nodiscard]] std::uint32_t bitmap_count_used(ConstBlockBytes block, std::uint32_t to);

/// Where a bitmap is and what a search in it can expect.
struct IndexEntry {
    static constexpr std::uint32_t kSize = 16;

    MetaBlock bitmap;
    /// 16320 less the used entries, also for the last bitmap that covers fewer blocks: the kernel's
    /// convention, without which a pool that the kernel grows later refuses to use the new blocks.
    std::uint32_t nr_free = 0;
    std::uint32_t none_free_before = 0; ///< every entry below this is used

    [[nodiscard]] static IndexEntry unpack(std::span<const std::byte> bytes);
    void pack(std::span<std::byte> into) const;
};

/// Root of a space map as the superblock holds it. Source: struct disk_sm_root.
struct SpaceMapRoot {
    static constexpr std::size_t kSize = 32; ///< of the 128 bytes reserved in the superblock
    std::uint64_t nr_blocks = 0;
    std::uint64_t nr_allocated = 0; ///< blocks with a count above 0
    MetaBlock bitmap_root;          ///< data: root of the index tree; metadata: the index block
    MetaBlock ref_count_root; ///< overflow tree: block -> exact count, only counts of 3 and more

    [[nodiscard]] static SpaceMapRoot unpack(std::span<const std::byte> bytes);
    void pack(std::span<std::byte> into) const;
};

[[nodiscard]] constexpr std::uint64_t bitmaps_for(std::uint64_t nr_blocks) {
    return nr_blocks / kEntriesPerBitmap + (nr_blocks % kEntriesPerBitmap != 0 ? 1 : 0);
}

} // namespace thinsnap::pdata
