#pragma once

#include <cstdint>

#include <thinsnap/block_device.hpp>

namespace thinsnap::app {

/// Gives the range space and writes zeros all over it, so that later writes find their extents
/// there and written. Space that is not there is found out before the long part.
/// \throws Error(no_space), SystemError, Interrupted
void fill_with_zeros(BlockDevice& device, std::uint64_t offset, std::uint64_t length);

} // namespace thinsnap::app
