// Bytes taken for something compressed: decoding ends, in bytes or in an Error. The bytes do not
// depend on the pieces that the input comes in; that libzstd notices some damage only in large
// pieces is left to the digests.

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <thinsnap/error.hpp>

#include "oci/compression.hpp"

#include "support/piece_source.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

constexpr std::size_t kMost = std::size_t{4} << 20U; // of a bomb

/// The decoded bytes; none: it was refused, or is a bomb.
std::optional<std::vector<std::byte>> decode(std::span<const std::byte> bytes, std::size_t step) {
    PieceSource in(bytes, step);
    const auto decoder = oci::make_decoder(
        oci::detect_compression(bytes.first(std::min(bytes.size(), oci::kMagicSize))), in);
    try {
        auto all = read_in_steps(*decoder, 1 + step * 3, kMost);
        return all.size() > kMost ? std::nullopt : std::optional(std::move(all));
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    if (input.empty())
        return 0;
    const auto step = std::to_integer<std::size_t>(input.front());
    const auto bytes = input.subspan(1);
    const auto in_one = decode(bytes, 4096);
    const auto in_pieces = decode(bytes, 1 + step);
    if (in_one && in_pieces && *in_one != *in_pieces)
        throw std::logic_error("it depends on the pieces");
    return 0;
}

} // namespace thinsnap::test
