#include "base/crc32c.hpp"

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("base.crc32c") {
    TEST_CASE("the raw checksum is the inverse of the common one") {
        constexpr std::string_view kText = "123456789";
        CHECK(crc32c_raw(std::as_bytes(std::span(kText))) == ~0xE3069283U);
    }

    TEST_CASE("the checksum of nothing is the start value") {
        CHECK(crc32c_raw({}) == 0xFFFFFFFFU);
    }

    TEST_CASE("a block of zeros has the checksum that the kernel gives it") {
        const std::vector<std::byte> zeros(4092);
        CHECK(crc32c_raw(zeros) == 0x58CDA791U);
    }
}

} // namespace thinsnap::test
