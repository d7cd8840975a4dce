#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

#include <thinsnap/block_device.hpp>

namespace thinsnap::dm {

/// One of the two devices that a pool lies on, as the kernel and this program see it.
class PoolDevice {
public:
    PoolDevice() = default;
    PoolDevice(const PoolDevice&) = delete;
    PoolDevice& operator=(const PoolDevice&) = delete;
    virtual ~PoolDevice() = default;

    /// Its number, for a table.
    [[nodiscard]] virtual dev_t number() const = 0;
    /// To read it past the page cache, while the kernel uses it.
    [[nodiscard]] virtual BlockDevice& reader() = 0;
    /// Takes the present size of what is beneath. \throws SystemError
    virtual void update_size() = 0;
};

/// A block device, or a loop device over a file: the one that lies over it already, as it does
/// while the kernel has the pool, or a new one, which goes by itself when neither the kernel nor
/// this uses it any more. \throws SystemError
[[nodiscard]] std::unique_ptr<PoolDevice> open_pool_device(const std::string& path);

} // namespace thinsnap::dm
