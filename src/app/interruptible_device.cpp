#include "app/interruptible_device.hpp"

#include "app/interrupt.hpp"

namespace thinsnap::app {

void InterruptibleDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    check_interrupt();
    ForwardingDevice::read(offset, into);
}

} // namespace thinsnap::app
