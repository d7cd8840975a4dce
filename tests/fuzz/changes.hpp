#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "pdata/block.hpp"

/// \file
/// Input of fuzzers that damage something sound: a list of changes, twelve bytes each.

namespace thinsnap::test {

struct Change {
    static constexpr std::size_t kSize = 12;

    std::uint8_t block = 0;   ///< which; the fuzzer says what of
    std::uint16_t offset = 0; ///< in it
    std::uint8_t width = 0;   ///< bytes to change, up to 8
    std::uint64_t value = 0;

    /// \param bytes  kSize of them; numbers have their highest byte first
    [[nodiscard]] static Change unpack(std::span<const std::byte> bytes) {
        const auto number = [&](std::size_t at, std::size_t length) {
            std::uint64_t sum = 0;
            for (const std::byte b : bytes.subspan(at, length))
                sum = sum << 8U | std::to_integer<std::uint64_t>(b);
            return sum;
        };
        return {static_cast<std::uint8_t>(number(0, 1)),
                static_cast<std::uint16_t>(number(1, 2) % (pdata::kBlockSize - 8)),
                static_cast<std::uint8_t>(1 + number(3, 1) % 8),
                number(4, 8)};
    }

    void apply(pdata::BlockBytes to) const {
        std::uint64_t rest = value;
        for (std::size_t i = 0; i < width; ++i, rest >>= 8U)
            to[offset + i] = static_cast<std::byte>(rest);
    }
};

inline void for_each_change(std::span<const std::byte> input,
                            const std::function<void(const Change&)>& visit) {
    for (; input.size() >= Change::kSize; input = input.subspan(Change::kSize))
        visit(Change::unpack(input.first(Change::kSize)));
}

} // namespace thinsnap::test
