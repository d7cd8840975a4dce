#include "pdata/bitmap.hpp"

#include <algorithm>
#include <bit>

namespace thinsnap::pdata {

namespace {

constexpr std::size_t kHeader = 16;
constexpr std::uint32_t kPerWord = 32;
constexpr std::uint64_t kLowBits = 0x5555555555555555U; // one bit of each two-bit field

/// One bit for each used entry of a word, at the field's lower position.
std::uint64_t used_fields(ConstBlockBytes block, std::uint32_t word) {
    const auto raw = load_le<std::uint64_t>(block, kHeader + std::size_t{8} * word);
    return (raw | raw >> 1U) & kLowBits;
}

} // namespace

std::optional<std::uint32_t>
bitmap_find_zero(ConstBlockBytes block, std::uint32_t from, std::uint32_t to) {
    while (from < to) {
        const std::uint32_t word = from / kPerWord;
        const std::uint64_t before = (std::uint64_t{1} << (2 * (from % kPerWord))) - 1;
        const std::uint64_t unused = ~used_fields(block, word) & kLowBits & ~before;
        if (unused != 0) {
            const auto found =
                word * kPerWord + static_cast<std::uint32_t>(std::countr_zero(unused)) / 2;
            return found < to ? std::optional(found) : std::nullopt;
        }
        from = (word + 1) * kPerWord;
    }
    return std::nullopt;
}

std::uint32_t bitmap_count_used(ConstBlockBytes block, std::uint32_t to) {
    std::uint32_t used = 0;
    for (std::uint32_t word = 0; word * kPerWord < to; ++word) {
        std::uint64_t fields = used_fields(block, word);
        const std::uint32_t rest = to - word * kPerWord;
        if (rest < kPerWord)
            fields &= (std::uint64_t{1} << (2 * rest)) - 1;
        used += static_cast<std::uint32_t>(std::popcount(fields));
    }
    return used;
}

IndexEntry IndexEntry::unpack(std::span<const std::byte> bytes) {
    return {MetaBlock(load_le<std::uint64_t>(bytes, 0)),
            load_le<std::uint32_t>(bytes, 8),
            load_le<std::uint32_t>(bytes, 12)};
}

void IndexEntry::pack(std::span<std::byte> into) const {
    store_le<std::uint64_t>(into, 0, bitmap.value());
    store_le<std::uint32_t>(into, 8, nr_free);
    store_le<std::uint32_t>(into, 12, none_free_before);
}

SpaceMapRoot SpaceMapRoot::unpack(std::span<const std::byte> bytes) {
    return {load_le<std::uint64_t>(bytes, 0),
            load_le<std::uint64_t>(bytes, 8),
            MetaBlock(load_le<std::uint64_t>(bytes, 16)),
            MetaBlock(load_le<std::uint64_t>(bytes, 24))};
}

void SpaceMapRoot::pack(std::span<std::byte> into) const {
    std::ranges::fill(into, std::byte{0});
    store_le<std::uint64_t>(into, 0, nr_blocks);
    store_le<std::uint64_t>(into, 8, nr_allocated);
    store_le<std::uint64_t>(into, 16, bitmap_root.value());
    store_le<std::uint64_t>(into, 24, ref_count_root.value());
}

} // namespace thinsnap::pdata
