#include "support/random.hpp"

#include <array>

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("support.random") {
    TEST_CASE("a pattern made in pieces equals the pattern made at once") {
        std::array<std::byte, 100> whole{};
        std::array<std::byte, 100> pieces{};
        fill_pattern(whole, 7, 1003);
        const std::span<std::byte> rest(pieces);
        fill_pattern(rest.first(1), 7, 1003);
        fill_pattern(rest.subspan(1, 30), 7, 1004);
        fill_pattern(rest.subspan(31), 7, 1034);
        CHECK(whole == pieces);
    }

    TEST_CASE("patterns of two seeds differ") {
        std::array<std::byte, 64> left{};
        std::array<std::byte, 64> right{};
        fill_pattern(left, 1, 0);
        fill_pattern(right, 2, 0);
        CHECK(left != right);
        fill_pattern(right, 1, 8);
        CHECK(left != right);
    }

    TEST_CASE("a random stream repeats with its seed") {
        Random a(5);
        Random b(5);
        Random c(6);
        const auto first = a.next();
        CHECK(first == b.next());
        CHECK(first != c.next());
        CHECK(a.below(10) < 10);
    }
}

} // namespace thinsnap::test
