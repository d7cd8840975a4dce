#include "oci/platform.hpp"

#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

using oci::best_match;
using oci::parse_platform;
using oci::Platform;

std::vector<Platform> platforms(std::initializer_list<const char*> names) {
    std::vector<Platform> list;
    for (const char* name : names) {
        const std::string text = name;
        const auto slash = text.find('/', text.find('/') + 1);
        list.push_back({text.substr(0, text.find('/')),
                        text.substr(text.find('/') + 1, slash - text.find('/') - 1),
                        slash == std::string::npos ? "" : text.substr(slash + 1)});
    }
    return list;
}

} // namespace

TEST_SUITE("oci.platform") {
    TEST_CASE("a platform is read from its text and other names are understood") {
        CHECK(to_string(parse_platform("linux/amd64")) == "linux/amd64");
        CHECK(to_string(parse_platform("linux/x86_64")) == "linux/amd64");
        CHECK(to_string(parse_platform("linux/aarch64/v8")) == "linux/arm64");
        CHECK(to_string(parse_platform("linux/arm")) == "linux/arm/v7");
        CHECK(to_string(parse_platform("linux/arm/6")) == "linux/arm/v6");
        CHECK(to_string(parse_platform("linux/armel")) == "linux/arm/v6");
        for (const char* text : {"", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux//v7"}) {
            CAPTURE(text);
            CHECK(failure_of([&] { static_cast<void>(parse_platform(text)); }) ==
                  Errc::invalid_argument);
        }
    }

    TEST_CASE("the host has a platform") {
        CHECK(oci::host_platform().os == "linux");
        CHECK_FALSE(oci::host_platform().architecture.empty());
    }

    TEST_CASE("the same platform is chosen whatever its spelling") {
        const auto offered = platforms({"linux/arm64/v8", "windows/amd64", "linux/amd64"});
        CHECK(best_match(offered, parse_platform("linux/amd64")) == 2);
        CHECK(best_match(offered, parse_platform("linux/arm64")) == 0);
        CHECK_FALSE(best_match(offered, parse_platform("linux/s390x")).has_value());
        CHECK_FALSE(best_match({}, parse_platform("linux/s390x")).has_value());
    }

    TEST_CASE("an older arm does for a newer one and not the other way round") {
        const auto offered = platforms({"linux/arm/v5", "linux/arm/v6"});
        CHECK(best_match(offered, parse_platform("linux/arm/v7")) == 1);
        CHECK(best_match(offered, parse_platform("linux/arm/v6")) == 1);
        CHECK(best_match(offered, parse_platform("linux/arm/v5")) == 0);
        CHECK_FALSE(
            best_match(platforms({"linux/arm/v7"}), parse_platform("linux/arm/v6")).has_value());
    }

    TEST_CASE("without a variant the one without is best and any will do") {
        CHECK(best_match(platforms({"linux/amd64/v3", "linux/amd64"}),
                         parse_platform("linux/amd64")) == 1);
        CHECK(best_match(platforms({"linux/amd64/v3"}), parse_platform("linux/amd64")) == 0);
        CHECK_FALSE(
            best_match(platforms({"linux/amd64"}), parse_platform("linux/amd64/v3")).has_value());
    }
}

} // namespace thinsnap::test
