#include "base/crc32c.hpp"

#include <isa-l/crc.h>

namespace thinsnap {

std::uint32_t crc32c_raw(std::span<const std::byte> bytes) noexcept {
    return crc32c_raw(bytes, kCrc32cStart);
}

std::uint32_t crc32c_raw(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
    // ISA-L takes a non-const pointer and does not write through it.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast,cppcoreguidelines-pro-type-reinterpret-cast)
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    return crc32_iscsi(data, static_cast<int>(bytes.size()), before);
}

} // namespace thinsnap
