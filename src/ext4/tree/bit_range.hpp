#pragma once

#include <cstdint>
#include <span>

/// \file
/// Ranges of bits in 64-bit words, the lowest bit first, as ext4's bitmaps have them.

namespace thinsnap::ext4::tree {

/// Sets the bits [from, to) or clears them.
void fill_bits(std::span<std::uint64_t> words, std::uint32_t from, std::uint32_t to, bool value);

/// First bit in [from, to) that has this value; `to` when none has.
[[nodiscard]] std::uint32_t
find_bit(std::span<const std::uint64_t> words, std::uint32_t from, std::uint32_t to, bool value);

/// Number of bits set in [0, to).
[[nodiscard]] std::uint32_t count_bits(std::span<const std::uint64_t> words, std::uint32_t to);

} // namespace thinsnap::ext4::tree
