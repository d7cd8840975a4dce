#pragma once

#include <cstdint>
#include <string>

#include "support/random.hpp"

namespace thinsnap::test {

/// How large a made-up pool is.
struct PoolShape {
    std::uint32_t devices = 100;
    std::uint64_t mappings = 100'000; ///< about so many over all devices
    std::uint64_t data_chunks = 1'000'000;
    std::uint64_t metadata_blocks = 16'384;
};

/// A pool as thin_restore reads it: devices with a life, each new or a snapshot of an earlier one,
/// changed since, so that chunks are shared by few and by many.
[[nodiscard]] std::string make_pool_xml(const PoolShape& shape, Random& random);

} // namespace thinsnap::test
