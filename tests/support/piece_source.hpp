#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/byte_source.hpp"

namespace thinsnap::test {

/// Gives out bytes in pieces of a size that fits nothing. The bytes must outlive it.
class PieceSource final : public ByteSource {
public:
    PieceSource(std::span<const std::byte> bytes, std::size_t step)
        : inner_(bytes)
        , step_(step) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
        ++reads_;
        return inner_.read(into.first(std::min(step_, into.size())));
    }
    [[nodiscard]] unsigned reads() const { return reads_; }

private:
    MemorySource inner_;
    std::size_t step_;
    unsigned reads_ = 0;
};

/// What the source gives when asked for `step` bytes at a time; no more than one step over `most`.
[[nodiscard]] inline std::vector<std::byte>
read_in_steps(ByteSource& source, std::size_t step, std::uint64_t most = UINT64_MAX) {
    std::vector<std::byte> all;
    std::vector<std::byte> piece(step);
    while (all.size() <= most) {
        const std::size_t n = source.read(piece);
        if (n == 0)
            break;
        all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
}

} // namespace thinsnap::test
