#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <thinsnap/types.hpp>

/// \file
/// Lines of a mapped device's table, as the kernel takes and shows them. Each of ours has one
/// target. Devices are named by major:minor, which needs no node.
/// Source: Linux Documentation/admin-guide/device-mapper/thin-provisioning.rst.

namespace thinsnap::dm {

inline constexpr std::uint64_t kSector = 512; ///< bytes; the kernel counts in these

/// One target. A status has the same form: there `parameters` is what the target says of itself.
struct Target {
    std::uint64_t bytes = 0; ///< length, a multiple of kSector
    std::string type;        ///< "thin-pool", "thin", "error"
    std::string parameters;

    friend bool operator==(const Target&, const Target&) = default;
};

/// What a pool is made of.
struct PoolTable {
    dev_t metadata = 0;
    dev_t data = 0;
    std::uint64_t bytes = 0;      ///< of data, a multiple of the chunk size
    std::uint64_t chunk_size = 0; ///< bytes
    std::uint64_t low_water = 0;  ///< free chunks below which the kernel tells of it
    bool read_only = false;
};

/// Writers get ENOSPC at once when there is no chunk: a queue would hang whoever waits for it.
[[nodiscard]] Target pool_target(const PoolTable& table);
/// \throws Error(corrupt)  no thin-pool's table line
[[nodiscard]] PoolTable parse_pool_target(const Target& target);

/// \param bytes  rounded up to whole sectors
[[nodiscard]] Target thin_target(dev_t pool, DeviceId id, std::uint64_t bytes);
struct ThinTable {
    dev_t pool = 0;
    DeviceId id;
};
/// \throws Error(corrupt)  no thin device's table line
[[nodiscard]] ThinTable parse_thin_target(const Target& target);

/// Every access fails.
[[nodiscard]] Target error_target(std::uint64_t bytes);

} // namespace thinsnap::dm
