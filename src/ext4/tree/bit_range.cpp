#include "ext4/tree/bit_range.hpp"

#include <algorithm>
#include <bit>

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint32_t kWordBits = 64;

/// The bits of word `word` that lie in [from, to).
std::uint64_t mask_of(std::uint32_t word, std::uint32_t from, std::uint32_t to) {
    const std::uint32_t start = word * kWordBits;
    std::uint64_t mask = ~std::uint64_t{0};
    if (from > start)
        mask &= ~std::uint64_t{0} << (from - start);
    if (to < start + kWordBits)
        mask &= (std::uint64_t{1} << (to - start)) - 1;
    return mask;
}

} // namespace

void fill_bits(std::span<std::uint64_t> words, std::uint32_t from, std::uint32_t to, bool value) {
    for (std::uint32_t word = from / kWordBits; word * kWordBits < to; ++word) {
        const std::uint64_t mask = mask_of(word, from, to);
        words[word] = value ? words[word] | mask : words[word] & ~mask;
    }
}

std::uint32_t
find_bit(std::span<const std::uint64_t> words, std::uint32_t from, std::uint32_t to, bool value) {
    for (std::uint32_t word = from / kWordBits; word * kWordBits < to; ++word) {
        const std::uint64_t hits = (value ? words[word] : ~words[word]) & mask_of(word, from, to);
        if (hits != 0)
            return word * kWordBits + static_cast<std::uint32_t>(std::countr_zero(hits));
    }
    return to;
}

std::uint32_t count_bits(std::span<const std::uint64_t> words, std::uint32_t to) {
    std::uint32_t count = 0;
    for (std::uint32_t word = 0; word * kWordBits < to; ++word)
        count += static_cast<std::uint32_t>(std::popcount(words[word] & mask_of(word, 0, to)));
    return count;
}

} // namespace thinsnap::ext4::tree
