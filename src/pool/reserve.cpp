#include "pool/reserve.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::pool {

std::uint64_t share_of(std::uint64_t total, double share) {
    return static_cast<std::uint64_t>(static_cast<double>(total) * share);
}

std::uint64_t metadata_blocks_for(std::span<const PoolOperation> operations) {
    return count_of<CreateThin>(operations) + operations.size() / 16;
}

void require_data(const Need& need) {
    if (need.free >= need.reserve && need.free > 0)
        return;
    throw Error(Errc::no_space,
                fmt::format("no new device: {} of {} data chunks are free, {} are kept in "
                            "reserve; use `thinsnap pool grow`, or delete devices",
                            need.free,
                            need.total,
                            need.reserve));
}

void refuse_metadata(const Need& need) {
    throw Error(Errc::no_space,
                fmt::format("no new device: {} of {} metadata blocks are free, {} must be, "
                            "to change the pool and to keep a reserve; use `thinsnap pool "
                            "grow --metadata-size`, or delete devices",
                            need.free,
                            need.total,
                            need.reserve));
}

} // namespace thinsnap::pool
