#include "journal/format.hpp"

#include <string_view>

#include <doctest/doctest.h>

#include "base/endian.hpp"

#include "support/content.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

namespace {

const Header kHeader{.pool = make_uuid(), .generation = 7};

std::vector<std::byte> frame(std::string_view payload, const Header& header = kHeader) {
    return pack_frame({.transaction = TransactionId(5), .number = 3, .kind = FrameKind::change},
                      std::as_bytes(std::span(payload)),
                      frame_seed(header));
}

} // namespace

TEST_SUITE("journal.format") {
    TEST_CASE("a header comes back as it was and no changed one is taken") {
        const HeaderBytes bytes = pack(kHeader);
        CHECK(unpack_header(bytes) == kHeader);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            HeaderBytes changed = bytes;
            changed.at(i) ^= std::byte{1};
            CHECK(failure_of([&] { (void)unpack_header(changed); }).has_value());
        }
        CHECK(failure_of([&] { (void)unpack_header(std::span(bytes).first(63)); }) ==
              Errc::corrupt);
    }

    TEST_CASE("a header of another version is refused as unsupported") {
        HeaderBytes bytes = pack(kHeader);
        store_le<std::uint32_t>(bytes, 8, 2);
        CHECK(failure_of([&] { (void)unpack_header(bytes); }) == Errc::unsupported);
    }

    TEST_CASE("a frame is found where it is and its length is a multiple of eight") {
        for (const std::string_view payload : {"", "a", "12345678", "123456789"}) {
            auto bytes = frame(payload);
            CHECK(bytes.size() % 8 == 0);
            CHECK(bytes.size() == frame_size(payload.size()));
            bytes.insert(bytes.begin(), 16, std::byte{0});
            const auto found = find_frame(bytes, 16, frame_seed(kHeader));
            REQUIRE(found.has_value());
            CHECK(found->header.transaction == TransactionId(5));
            CHECK(found->header.number == 3);
            CHECK(found->header.kind == FrameKind::change);
            CHECK(found->payload.size() == payload.size());
            CHECK(found->end() == bytes.size());
            CHECK_FALSE(find_frame(bytes, 8, frame_seed(kHeader)).has_value());
        }
    }

    TEST_CASE("a frame with any byte changed or missing is none") {
        const auto bytes = frame("a payload of some bytes");
        const std::size_t meant = kFrameHeaderSize + 23; // padding is not looked at
        for (std::size_t i = 0; i < meant; ++i) {
            auto changed = bytes;
            changed.at(i) ^= std::byte{0x10};
            CHECK_FALSE(find_frame(changed, 0, frame_seed(kHeader)).has_value());
            CHECK_FALSE(find_frame(std::span(bytes).first(i), 0, frame_seed(kHeader)).has_value());
        }
    }

    TEST_CASE("a frame of another journal or of an earlier generation is none") {
        const auto bytes = frame("payload");
        CHECK(find_frame(bytes, 0, frame_seed(kHeader)).has_value());
        const Header other{.pool = make_uuid(), .generation = 7};
        const Header earlier{.pool = kHeader.pool, .generation = 6};
        CHECK_FALSE(find_frame(bytes, 0, frame_seed(other)).has_value());
        CHECK_FALSE(find_frame(bytes, 0, frame_seed(earlier)).has_value());
    }
}

} // namespace thinsnap::test
