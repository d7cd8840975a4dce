#include "base/size_text.hpp"

#include <string_view>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

namespace {

std::uint64_t parsed(std::string_view text) {
    return parse_size(text, "--size");
}

bool refused(std::string_view text) {
    try {
        static_cast<void>(parsed(text));
    } catch (const Error& error) {
        return error.kind() == Errc::invalid_argument &&
               std::string_view(error.what()).find("--size") != std::string_view::npos;
    }
    return false;
}

} // namespace

TEST_SUITE("base.size_text") {
    TEST_CASE("sizes are bytes or carry a suffix in powers of 1024") {
        CHECK(parsed("0") == 0);
        CHECK(parsed("4096") == 4096);
        CHECK(parsed("64K") == 65536);
        CHECK(parsed("64k") == 65536);
        CHECK(parsed("64KiB") == 65536);
        CHECK(parsed("64kb") == 65536);
        CHECK(parsed("64kib") == 65536);
        CHECK(parsed("3M") == 3U << 20U);
        CHECK(parsed("100G") == std::uint64_t{100} << 30U);
        CHECK(parsed("2T") == std::uint64_t{2} << 40U);
        CHECK(parsed("1P") == std::uint64_t{1} << 50U);
    }

    TEST_CASE("a fraction must come out as whole bytes") {
        CHECK(parsed("1.5K") == 1536);
        CHECK(parsed("0.5G") == std::uint64_t{1} << 29U);
        CHECK(refused("0.3K"));
        CHECK(refused("1.5"));
    }

    TEST_CASE("what is no size is refused with the name of the value") {
        for (const std::string_view text :
             {"", " ", "K", "-1", "+1", "1 K", "1KK", "1X", "0x10", "1e3", "1..5K"}) {
            CAPTURE(text);
            CHECK(refused(text));
        }
    }

    TEST_CASE("a size of 2^63 and over is refused") {
        CHECK(parsed("9223372036854775807") == UINT64_MAX / 2);
        CHECK(refused("9223372036854775808"));
        CHECK(refused("18446744073709551616"));
        CHECK(refused("8192P"));
        CHECK(refused("99999999999999999999P"));
    }

    TEST_CASE("sizes for people have one digit behind the point") {
        CHECK(format_size(0) == "0 B");
        CHECK(format_size(512) == "512 B");
        CHECK(format_size(1023) == "1023 B");
        CHECK(format_size(65536) == "64.0 KiB");
        CHECK(format_size(std::uint64_t{3} << 29U) == "1.5 GiB");
    }
}

} // namespace thinsnap::test
