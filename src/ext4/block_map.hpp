#pragma once

#include <cstdint>
#include <functional>

#include "ext4/extents.hpp"

namespace thinsnap::ext4 {

/// Like for_each_extent(), of a file that is mapped by pointers to blocks, as ext2 did it. The
/// kernel makes none in a file system of ours, but e2fsck does: its lost+found.
///
/// No block of pointers may be met twice, so that the cost is bounded by what is really there.
/// \throws Error(corrupt)
void for_each_mapped_run(DeviceIo& io,
                         const ExtentTree& map,
                         std::uint64_t from,
                         const std::function<bool(const Extent&)>& visit);

} // namespace thinsnap::ext4
