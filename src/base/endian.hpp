#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace thinsnap {

static_assert(std::endian::native == std::endian::little,
              "disk structures are little-endian and copied as they are");

/// The unsigned integer that stands little-endian at `bytes[offset]`.
template <class T>
[[nodiscard]] T load_le(std::span<const std::byte> bytes, std::size_t offset) {
    static_assert(std::is_unsigned_v<T>);
    T value;
    std::memcpy(&value, bytes.subspan(offset, sizeof value).data(), sizeof value);
    return value;
}

template <class T>
void store_le(std::span<std::byte> bytes, std::size_t offset, std::type_identity_t<T> value) {
    static_assert(std::is_unsigned_v<T>);
    std::memcpy(bytes.subspan(offset, sizeof value).data(), &value, sizeof value);
}

/// An unsigned integer as it stands in a disk structure: little-endian, alignment 1.
template <class T>
class Le {
public:
    Le() = default;
    explicit Le(T value) { std::memcpy(bytes_.data(), &value, sizeof value); }
    [[nodiscard]] T get() const {
        T value;
        std::memcpy(&value, bytes_.data(), sizeof value);
        return value;
    }
    Le& operator=(T value) {
        std::memcpy(bytes_.data(), &value, sizeof value);
        return *this;
    }

private:
    std::array<std::byte, sizeof(T)> bytes_{};
};

using Le32 = Le<std::uint32_t>;
using Le64 = Le<std::uint64_t>;

} // namespace thinsnap
