#pragma once

#include <filesystem>
#include <memory>

#include "app/pool_lock.hpp"
#include "io/file_device.hpp"

namespace thinsnap::app {

/// Checks that the kernel does not use a pool's file behind our back, as the owner lock cannot.
/// Call it with the lock held. \throws Error(busy)  it is the backing file of a loop device
void refuse_file_in_use(const std::filesystem::path& file);

/// Opens a pool's file or block device; for shared access read-only.
/// \throws Error(busy)  a block device that the kernel uses (a mount, device-mapper), or see above
/// \throws SystemError
[[nodiscard]] std::unique_ptr<io::FileDevice> open_device_file(const std::filesystem::path& path,
                                                               Access access);

} // namespace thinsnap::app
