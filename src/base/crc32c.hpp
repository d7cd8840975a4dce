#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace thinsnap {

/// CRC-32C (Castagnoli) of `bytes`, register started at 0xFFFFFFFF and NOT inverted at the end, as
/// the kernel's dm_bm_checksum() computes it. The common CRC-32C is the inverse of this.
/// Source: Linux drivers/md/persistent-data/dm-block-manager.c.
[[nodiscard]] std::uint32_t crc32c_raw(std::span<const std::byte> bytes) noexcept;

/// Of bytes that come piece by piece: `before` is the result for what stands before `bytes`,
/// kCrc32cStart for nothing.
[[nodiscard]] std::uint32_t crc32c_raw(std::span<const std::byte> bytes,
                                       std::uint32_t before) noexcept;
inline constexpr std::uint32_t kCrc32cStart = 0xFFFFFFFF;

} // namespace thinsnap
