#pragma once

#include <cstdint>
#include <span>

#include <thinsnap/thin_pool.hpp>

/// \file
/// What a pool keeps free, and how it refuses new devices that would need it. Shared by the
/// drivers, each of which knows its own numbers.

namespace thinsnap::pool {

/// A share of a whole, rounded down.
[[nodiscard]] std::uint64_t share_of(std::uint64_t total, double share);

template <class Operation>
[[nodiscard]] std::uint64_t count_of(std::span<const PoolOperation> operations) {
    std::uint64_t count = 0;
    for (const PoolOperation& operation : operations)
        count += static_cast<std::uint64_t>(std::holds_alternative<Operation>(operation));
    return count;
}

/// Metadata blocks that a batch may take: a root for each new device, and its share of the two
/// device trees, whose leaves hold 42 entries at least.
[[nodiscard]] std::uint64_t metadata_blocks_for(std::span<const PoolOperation> operations);

/// Free space is to be at least this. Units: SpaceUse's.
struct Need {
    std::uint64_t free = 0;
    std::uint64_t total = 0;
    std::uint64_t reserve = 0;
};
/// \throws Error(no_space)  no chunk is free, or fewer than the reserve; the numbers are in the
/// text
void require_data(const Need& need);
/// \throws Error(no_space)
[[noreturn]] void refuse_metadata(const Need& need);

} // namespace thinsnap::pool
