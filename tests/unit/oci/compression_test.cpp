#include "oci/compression.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/image_builder.hpp"
#include "support/piece_source.hpp"

namespace thinsnap::test {

namespace {

using oci::Compression;

constexpr std::array kCompressed{
    Compression::gzip, Compression::zstd, Compression::xz, Compression::bzip2};

Bytes decode(std::span<const std::byte> bytes,
             std::size_t input_step = 100'000,
             std::size_t output_step = 100'000) {
    PieceSource in(bytes, input_step);
    const auto decoder = oci::make_decoder(
        oci::detect_compression(bytes.first(std::min(bytes.size(), oci::kMagicSize))), in);
    return read_in_steps(*decoder, output_step);
}

/// Compressible, but not to nothing.
Bytes content(std::size_t size) {
    Bytes bytes = pattern(7, 0, size);
    for (std::size_t i = 0; i < size; i += 3)
        bytes[i] = std::byte{'x'};
    return bytes;
}

std::span<const std::byte> front_of(const Bytes& bytes, std::size_t size) {
    return std::span(bytes).first(size);
}

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

} // namespace

TEST_SUITE("oci.compression") {
    TEST_CASE("what was compressed comes back whatever the pieces are") {
        for (const std::size_t size : {0U, 1U, 1000U, 300'000U})
            for (const Compression compression : kCompressed) {
                CAPTURE(size);
                CAPTURE(to_string(compression));
                const Bytes bytes = content(size);
                const Bytes packed = compress(bytes, compression);
                CHECK(oci::detect_compression(packed) == compression);
                CHECK(decode(packed) == bytes);
                CHECK(decode(packed, 1 + packed.size() / 50, 777) == bytes);
            }
    }

    TEST_CASE("members and frames that stand behind one another are one stream") {
        const Bytes one = content(70'000);
        const Bytes two = content(10);
        for (const Compression compression : kCompressed) {
            CAPTURE(to_string(compression));
            const Bytes packed = compress(one, compression) + compress(two, compression) +
                                 compress({}, compression) + compress(one, compression);
            CHECK(decode(packed) == one + two + one);
            CHECK(decode(packed, 1) == one + two + one);
        }
    }

    TEST_CASE("a zstd stream may begin with a skippable frame") {
        const Bytes skippable = to_bytes(std::string_view("\x53\x2A\x4D\x18\x03\0\0\0abc", 11));
        CHECK(decode(skippable + compress(content(1000), Compression::zstd)) == content(1000));
    }

    TEST_CASE("what is not compressed passes through") {
        CHECK(decode(content(5000), 100, 99) == content(5000));
        CHECK(decode({}).empty());
    }

    TEST_CASE("a cut is found wherever it is") {
        for (const Compression compression : kCompressed) {
            CAPTURE(to_string(compression));
            const Bytes packed = compress(content(20'000), compression);
            for (std::size_t length = 8; length < packed.size(); length += 1 + packed.size() / 60) {
                CAPTURE(length);
                CHECK(failure_of([&] { static_cast<void>(decode(front_of(packed, length))); }) ==
                      Errc::corrupt);
            }
            CHECK(failure_of([&] {
                      static_cast<void>(decode(front_of(packed, packed.size() - 1)));
                  }) == Errc::corrupt);
        }
    }

    TEST_CASE("garbage behind the end is found") {
        for (const Compression compression : kCompressed)
            for (const char* garbage : {"x", "some more bytes than a header has, and still more"}) {
                CAPTURE(to_string(compression));
                CAPTURE(garbage);
                const Bytes packed = compress(content(5000), compression) + to_bytes(garbage);
                CHECK(failure_of([&] { static_cast<void>(decode(packed)); }) == Errc::corrupt);
                CHECK(failure_of([&] { static_cast<void>(decode(packed, 1)); }) == Errc::corrupt);
            }
        const Bytes zeros = compress(content(5000), Compression::gzip) + Bytes(100);
        CHECK(message_of([&] { static_cast<void>(decode(zeros)); }).find("garbage behind") !=
              std::string::npos);
    }

    TEST_CASE("a damaged gzip checksum or length is found") {
        const Bytes packed = compress(content(5000), Compression::gzip);
        for (std::size_t back = 1; back <= 8; ++back) {
            Bytes damaged = packed;
            damaged[damaged.size() - back] ^= std::byte{1};
            CAPTURE(back);
            CHECK(message_of([&] { static_cast<void>(decode(damaged)); }).find("checksum") !=
                  std::string::npos);
        }
    }

    TEST_CASE("an error of the compressed bytes' source passes through a decoder") {
        class Failing final : public ByteSource {
        public:
            explicit Failing(std::span<const std::byte> bytes)
                : inner_(bytes) {}
            std::size_t read(std::span<std::byte> into) override {
                const std::size_t n = inner_.read(into);
                if (n == 0)
                    throw Error(Errc::io, "the disk is gone");
                return n;
            }

        private:
            MemorySource inner_;
        };
        for (const Compression compression : kCompressed) {
            CAPTURE(to_string(compression));
            const Bytes packed = compress(content(20'000), compression);
            Failing in(front_of(packed, packed.size() / 2));
            const auto decoder = oci::make_decoder(compression, in);
            Bytes all(30'000);
            CHECK(message_of([&] { static_cast<void>(read_full(*decoder, all)); }) ==
                  "the disk is gone");
        }
    }

    TEST_CASE("a prefix comes before the rest") {
        const Bytes bytes = content(100);
        const std::span<const std::byte> all_bytes(bytes);
        MemorySource rest(all_bytes.subspan(6));
        oci::PrefixSource all(all_bytes.first(6), rest);
        Bytes read(200);
        CHECK(read_full(all, read) == 100);
        CHECK(std::ranges::equal(front_of(read, 100), bytes));
    }
}

} // namespace thinsnap::test
