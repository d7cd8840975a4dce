#pragma once

#include "io/forwarding_device.hpp"

namespace thinsnap::app {

/// A device for work that only reads (a check, a dump, a backup of large metadata): a signal ends
/// that work at its next read, by way of Interrupted.
class InterruptibleDevice final : public io::ForwardingDevice {
public:
    using ForwardingDevice::ForwardingDevice;

    void read(std::uint64_t offset, std::span<std::byte> into) override;
};

} // namespace thinsnap::app
