#include "snapshotter/names.hpp"

#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

using snapshotter::normalize_image_name;
using snapshotter::validate_container_name;

TEST_SUITE("snapshotter.names") {
    TEST_CASE("a container's name can stand before a colon and in a file name") {
        for (const char* name : {"a", "web-1", "0.x_y", "A"})
            CHECK_NOTHROW(validate_container_name(name));
        CHECK_NOTHROW(validate_container_name(std::string(255, 'a')));
        for (const char* name : {"", "-a", ".", "..", "a/b", "a:b", "a b", "\xC3\xA4", "a\n"})
            CHECK_THROWS_AS(validate_container_name(name), Error);
        CHECK_THROWS_AS(validate_container_name(std::string(256, 'a')), Error);
    }

    TEST_CASE("a name without a tag is the latest one") {
        CHECK(normalize_image_name("debian") == "debian:latest");
        CHECK(normalize_image_name("debian:12") == "debian:12");
        CHECK(normalize_image_name("host:5000/debian") == "host:5000/debian:latest");
        CHECK(normalize_image_name("debian@sha256:0123") == "debian@sha256:0123");
        CHECK(normalize_image_name("sha256:0123") == "sha256:0123");
    }

    TEST_CASE("the registry that everybody leaves out is left out") {
        CHECK(normalize_image_name("docker.io/library/debian:12") == "debian:12");
        CHECK(normalize_image_name("docker.io/user/tool") == "user/tool:latest");
        CHECK(normalize_image_name("docker.io/library/a/b") == "library/a/b:latest");
        CHECK(normalize_image_name("quay.io/library/debian") == "quay.io/library/debian:latest");
    }

    TEST_CASE("an image's name can be printed on one line") {
        for (const char* name : {"", "a b", "a\n", "\x1B[2J", "a\x7F"})
            CHECK_THROWS_AS(static_cast<void>(normalize_image_name(name)), Error);
        CHECK_THROWS_AS(static_cast<void>(normalize_image_name(std::string(1025, 'a'))), Error);
    }
}

} // namespace thinsnap::test
