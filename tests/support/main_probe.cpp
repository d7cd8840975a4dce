// Not a test: the cases that main_probe.sh runs one by one to see what main() makes of them.

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "support/skip.hpp"
#include "support/temp_dir.hpp"

using thinsnap::test::skip;
using thinsnap::test::TempDir;

TEST_CASE("passes") {
    CHECK(1 + 1 == 2);
}

TEST_CASE("skips") {
    return skip("the probe says so");
}

TEST_CASE("skips and fails") {
    CHECK(1 + 1 == 3);
    return skip("too late");
}

TEST_CASE("asserts nothing") {}

TEST_CASE("fails with a temporary directory") {
    const TempDir directory;
    std::ofstream{directory / "file"} << "content";
    std::filesystem::create_directory(directory / "locked");
    std::ofstream{directory / "locked/file"} << "content";
    std::filesystem::permissions(directory / "locked", std::filesystem::perms::owner_read);
    REQUIRE(std::filesystem::is_empty(directory.path()));
}
