#pragma once

#include <cstdint>

#include "attach/mounts.hpp"

namespace thinsnap::attach {

/// Makes a mounted ext4 file system as large as its device, which has grown already; it stays in
/// use meanwhile. Nothing is done if it has that size.
/// \param size  bytes, what ext4::usable_size() gives for the device
/// \throws Error(unsupported)  this process lacks CAP_SYS_RESOURCE
/// \throws SystemError         the kernel refuses
void grow_mounted(const MountPlace& place, std::uint64_t size);

} // namespace thinsnap::attach
