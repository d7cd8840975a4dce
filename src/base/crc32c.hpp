#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace thinsnap {

/// CRC-32C (Castagnoli) of `bytes`, register started at 0xFFFFFFFF and NOT inverted at the end, as
/// the kernel's dm_bm_checksum() computes it. The common CRC-32C is the inverse of this.
/// Source: Linux drivers/md/persistent-data/dm-block-manager.c.
[[nodiscard]] std::uint32_t crc32c_raw(std::span<const std::byte> bytes) noexcept;

} // namespace thinsnap
