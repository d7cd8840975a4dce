#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace thinsnap::oci {

/// For ISA-L: its pointers are to unsigned char, and its input is not const.
inline std::uint8_t* as_octets(std::span<const std::byte> bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast,cppcoreguidelines-pro-type-reinterpret-cast)
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(bytes.data()));
}

} // namespace thinsnap::oci
