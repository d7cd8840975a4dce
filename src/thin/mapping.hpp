#pragma once

#include <cstdint>
#include <span>

#include <thinsnap/thin_pool.hpp>

#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin {

/// What a mapping tree holds for a virtual chunk: where it is, and when (in snapshots) it got
/// there.
struct Mapping {
    DataChunk chunk;
    std::uint32_t time = 0;

    friend bool operator==(const Mapping&, const Mapping&) = default;
};

/// The disk's form: chunk in the upper 40 bits, time in the lower 24.
[[nodiscard]] constexpr Mapping unpack_mapping(std::uint64_t value) {
    return {DataChunk(value >> 24U), static_cast<std::uint32_t>(value & 0xFFFFFFU)};
}
[[nodiscard]] constexpr std::uint64_t pack_mapping(Mapping mapping) {
    return mapping.chunk.value() << 24U | mapping.time;
}

/// Between host and disk form of a device's details (24 bytes).
[[nodiscard]] DeviceInfo unpack_details(DeviceId id, std::span<const std::byte> bytes);
void pack_details(const DeviceInfo& info, std::span<std::byte> into);

} // namespace thinsnap::thin
