#include <algorithm>

#include <doctest/doctest.h>

#include <thinsnap/version.hpp>

TEST_SUITE("base.version") {
    TEST_CASE("the version has three numbers") {
        const auto version = thinsnap::version();
        CAPTURE(version);
        CHECK(version.find_first_not_of("0123456789.") == std::string_view::npos);
        CHECK(std::ranges::count(version, '.') == 2);
    }
}
