#include "app/zero_fill.hpp"

#include <algorithm>

#include "app/interrupt.hpp"

namespace thinsnap::app {

namespace {

constexpr std::uint64_t kPart = 16U << 20U; // between two looks for a signal

} // namespace

void fill_with_zeros(BlockDevice& device, std::uint64_t offset, std::uint64_t length) {
    device.allocate(offset, length);
    while (length > 0) {
        check_interrupt();
        const std::uint64_t part = std::min(length, kPart);
        device.write_zeros(offset, part);
        offset += part;
        length -= part;
    }
}

} // namespace thinsnap::app
