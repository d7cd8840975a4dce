#include "io/scratch_device.hpp"

#include <array>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

namespace thinsnap::test {
namespace {

TEST_SUITE("io.scratch_device") {
    TEST_CASE("a scratch device keeps what was written and reads as zeros elsewhere") {
        io::ScratchDevice device(std::uint64_t{1} << 62U);
        const std::vector<std::byte> written(10000, std::byte{7});
        device.write((std::uint64_t{1} << 50U) - 1234, written);
        std::vector<std::byte> read(12000, std::byte{9});
        device.read((std::uint64_t{1} << 50U) - 2234, read);
        for (std::size_t i = 0; i < read.size(); ++i)
            REQUIRE(read[i] == std::byte(i >= 1000 && i < 11000 ? 7 : 0));
    }

    TEST_CASE("gathered pieces stand behind one another") {
        io::ScratchDevice device(8);
        const std::array one{std::byte{1}, std::byte{2}};
        const std::array two{std::byte{3}};
        const std::array<std::span<const std::byte>, 2> pieces{one, two};
        device.write_gather(4, pieces);
        std::array<std::byte, 3> back{};
        device.read(4, back);
        CHECK(back == std::array{std::byte{1}, std::byte{2}, std::byte{3}});
    }

    TEST_CASE("what is discarded or zeroed reads as zeros and its neighbours stay") {
        io::ScratchDevice device(std::vector<std::byte>(20000, std::byte{1}));
        REQUIRE(device.size() == 20000);
        device.discard(4000, 200);
        device.write_zeros(10000, 5000);
        std::vector<std::byte> read(20000);
        device.read(0, read);
        for (std::size_t i = 0; i < read.size(); ++i)
            REQUIRE(read[i] ==
                    std::byte((i >= 4000 && i < 4200) || (i >= 10000 && i < 15000) ? 0 : 1));
    }

    TEST_CASE("an access behind the end is refused") {
        io::ScratchDevice device(100);
        std::vector<std::byte> bytes(2);
        CHECK_THROWS_AS(device.read(99, bytes), Error);
        CHECK_THROWS_AS(device.write(99, bytes), Error);
        CHECK_THROWS_AS(device.discard(101, 0), Error);
        CHECK_THROWS_AS(device.write_zeros(UINT64_MAX, 2), Error);
        CHECK_THROWS_AS(device.discard(1, UINT64_MAX), Error);
        CHECK_NOTHROW(device.write(98, bytes));
    }
}

} // namespace
} // namespace thinsnap::test
