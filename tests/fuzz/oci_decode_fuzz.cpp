// Bytes taken for something compressed: decoding ends, in bytes or in an Error. The bytes do not
// depend on the pieces that the input comes in; that libzstd notices some damage only in large
// pieces is left to the digests.

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <vector>

#include <thinsnap/error.hpp>

#include "oci/compression.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

constexpr std::size_t kMost = std::size_t{4} << 20U; // of a bomb

class Pieces final : public ByteSource {
public:
    Pieces(std::span<const std::byte> bytes, std::size_t step)
        : inner_(bytes)
        , step_(step) {}
    std::size_t read(std::span<std::byte> into) override {
        return inner_.read(into.first(std::min(step_, into.size())));
    }

private:
    MemorySource inner_;
    std::size_t step_;
};

/// The decoded bytes; none: it was refused, or is a bomb.
std::optional<std::vector<std::byte>> decode(std::span<const std::byte> bytes, std::size_t step) {
    Pieces in(bytes, step);
    const auto decoder = oci::make_decoder(
        oci::detect_compression(bytes.first(std::min(bytes.size(), oci::kMagicSize))), in);
    std::vector<std::byte> all;
    std::vector<std::byte> piece(1 + step * 3);
    try {
        while (const std::size_t n = decoder->read(piece)) {
            all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
            if (all.size() > kMost)
                return std::nullopt;
        }
    } catch (const Error&) {
        return std::nullopt;
    }
    return all;
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
