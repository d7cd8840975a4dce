#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace thinsnap {

/// A number with a unit. No implicit conversion from or to integers or other units, so that a data
/// block can never be passed where a metadata block is meant. Byte counts and byte offsets are the
/// one unit that stays a plain std::uint64_t.
template <class Tag, class Rep = std::uint64_t>
class Quantity {
public:
    using value_type = Rep;

    constexpr Quantity() = default;
    explicit constexpr Quantity(Rep value)
        : value_(value) {}

    [[nodiscard]] constexpr Rep value() const noexcept { return value_; }

    // NOLINTNEXTLINE(modernize-use-nullptr) the check takes the comparison with 0 for a pointer's
    friend constexpr auto operator<=>(Quantity, Quantity) = default;

    constexpr Quantity& operator++() {
        ++value_;
        return *this;
    }
    friend constexpr Quantity operator+(Quantity a, Rep n) { return Quantity(a.value_ + n); }
    /// The distance between two positions, in their unit.
    friend constexpr Rep operator-(Quantity a, Quantity b) { return a.value_ - b.value_; }

private:
    Rep value_ = 0;
};

/// A thin device's number within its pool: 24 bits, 0 is legal. The caller chooses it.
using DeviceId = Quantity<struct DeviceIdTag, std::uint32_t>;
inline constexpr DeviceId kMaxDeviceId{0xFFFFFF}; // Linux dm-thin.c, MAX_DEV_ID

/// The pool superblock's user-space counter, the hand-shake with a journal.
using TransactionId = Quantity<struct TransactionIdTag>;

/// Position of a chunk in the address space of a thin device.
using VirtualChunk = Quantity<struct VirtualChunkTag>;

/// Position of a chunk on the pool's data device; 40 bits fit in a mapping.
using DataChunk = Quantity<struct DataChunkTag>;

/// Position of a 4 KiB block on the pool's metadata device.
using MetaBlock = Quantity<struct MetaBlockTag>;

} // namespace thinsnap

template <class Tag, class Rep>
struct std::hash<thinsnap::Quantity<Tag, Rep>> {
    std::size_t operator()(thinsnap::Quantity<Tag, Rep> q) const noexcept {
        return std::hash<Rep>{}(q.value());
    }
};
