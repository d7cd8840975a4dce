#include <thinsnap/block_device.hpp>

namespace thinsnap {

void BlockDevice::write_gather(std::uint64_t offset,
                               std::span<const std::span<const std::byte>> pieces) {
    for (const auto& piece : pieces) {
        write(offset, piece);
        offset += piece.size();
    }
}

} // namespace thinsnap
