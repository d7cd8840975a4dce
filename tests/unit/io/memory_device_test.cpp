#include "io/memory_device.hpp"

#include <array>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

namespace thinsnap::test {

using io::MemoryDevice;

TEST_SUITE("io.memory_device") {
    TEST_CASE("a memory device reads what was written") {
        MemoryDevice device(10000);
        std::vector<std::byte> bytes(5000);
        fill_pattern(bytes, 1, 0);
        device.write(3, bytes);
        std::vector<std::byte> back(5000);
        device.read(3, back);
        CHECK(back == bytes);
    }

    TEST_CASE("gathered pieces stand behind one another") {
        MemoryDevice device(8);
        const std::array one{std::byte{1}, std::byte{2}};
        const std::array two{std::byte{3}};
        const std::array<std::span<const std::byte>, 2> pieces{one, two};
        device.write_gather(4, pieces);
        std::array<std::byte, 3> back{};
        device.read(4, back);
        CHECK(back == std::array{std::byte{1}, std::byte{2}, std::byte{3}});
    }

    TEST_CASE("zeroed and discarded ranges read as zeros") {
        MemoryDevice device(std::vector<std::byte>(8, std::byte{1}));
        device.write_zeros(0, 2);
        device.discard(6, 2);
        std::array<std::byte, 8> back{};
        device.read(0, back);
        CHECK(back[1] == std::byte{0});
        CHECK(back[2] == std::byte{1});
        CHECK(back[5] == std::byte{1});
        CHECK(back[6] == std::byte{0});
    }

    TEST_CASE("a memory device refuses a range behind its end") {
        MemoryDevice device(8);
        std::array<std::byte, 2> two{};
        CHECK_THROWS_AS(device.read(7, two), Error);
        CHECK_THROWS_AS(device.write(8, two), Error);
        CHECK_THROWS_AS(device.write_zeros(UINT64_MAX, 2), Error);
        CHECK_THROWS_AS(device.discard(1, UINT64_MAX), Error);
        device.resize(9);
        device.write(7, two);
        CHECK(device.size() == 9);
    }
}

} // namespace thinsnap::test
