#include "base/endian.hpp"

#include <array>

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("base.endian") {
    TEST_CASE("numbers stand with their lowest byte first") {
        std::array<std::byte, 12> bytes{};
        store_le<std::uint32_t>(bytes, 1, 0x01020304U);
        CHECK(bytes[0] == std::byte{0});
        CHECK(bytes[1] == std::byte{4});
        CHECK(bytes[4] == std::byte{1});
        CHECK(load_le<std::uint32_t>(bytes, 1) == 0x01020304U);
        store_le<std::uint64_t>(bytes, 3, 0x1122334455667788U);
        CHECK(bytes[3] == std::byte{0x88});
        CHECK(load_le<std::uint64_t>(bytes, 3) == 0x1122334455667788U);
    }

    TEST_CASE("a disk integer keeps its value and has no alignment") {
        static_assert(sizeof(Le32) == 4 && alignof(Le32) == 1);
        static_assert(sizeof(Le64) == 8 && alignof(Le64) == 1);
        Le64 number(7);
        CHECK(number.get() == 7);
        number = UINT64_MAX;
        CHECK(number.get() == UINT64_MAX);
        CHECK(Le32{}.get() == 0);
    }
}

} // namespace thinsnap::test
