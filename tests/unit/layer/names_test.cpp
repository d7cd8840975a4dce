#include "layer/names.hpp"

#include <doctest/doctest.h>

#include "support/content.hpp"

namespace thinsnap::test {

using layer::find_whiteout;
using layer::split_tar_name;
using layer::Whiteout;
using Names = std::vector<std::string_view>;

namespace {

bool is_refused(std::string_view name) {
    return failure_of([&] { static_cast<void>(split_tar_name(name)); }) == Errc::corrupt;
}

} // namespace

TEST_SUITE("layer.names") {
    TEST_CASE("slashes and dots that say nothing are passed over") {
        const Names wanted{"a", "b"};
        for (const char* name :
             {"a/b", "./a/b", "/a/b", "//a///b", "a/./b", "a/b/", "././a/b/./"}) {
            CAPTURE(name);
            CHECK(split_tar_name(name) == wanted);
        }
    }

    TEST_CASE("a name without components is the root") {
        CHECK(split_tar_name(".").empty());
        CHECK(split_tar_name("./").empty());
        CHECK(split_tar_name("/").empty());
    }

    TEST_CASE("dots within a component are a name's own") {
        CHECK(split_tar_name("...") == Names{"..."});
        CHECK(split_tar_name("..a/b..") == Names{"..a", "b.."});
    }

    TEST_CASE("a component of two dots is refused wherever it stands") {
        for (const char* name : {"..", "../a", "a/..", "a/../b", "/../a", "./.."}) {
            CAPTURE(name);
            CHECK(is_refused(name));
        }
    }

    TEST_CASE("names that no file can have are refused") {
        CHECK(is_refused(""));
        CHECK(is_refused(std::string_view("a\0b", 3)));
        CHECK(is_refused(std::string(256, 'x')));
        CHECK_FALSE(is_refused(std::string(255, 'x')));
        std::string longest;
        while (longest.size() < 4095 - 100)
            longest += std::string(99, 'x') + "/";
        CHECK_FALSE(is_refused(longest + std::string(4095 - longest.size(), 'y')));
        CHECK(is_refused(longest + std::string(4096 - longest.size(), 'y')));
    }

    TEST_CASE("every name that a file can have has a whiteout") {
        CHECK_FALSE(is_refused("a/.wh." + std::string(255, 'x')));
        CHECK(is_refused("a/.wh." + std::string(256, 'x')));
    }

    TEST_CASE("bytes that are no text are part of a name") {
        CHECK(split_tar_name("\xe4\n\x80/\xed\xa0\x80") == Names{"\xe4\n\x80", "\xed\xa0\x80"});
    }

    TEST_CASE("a whiteout says what it hides") {
        const auto hidden = find_whiteout({"a", ".wh.b"});
        REQUIRE(hidden);
        CHECK(hidden->kind == Whiteout::Kind::name);
        CHECK(hidden->name == "b");
        CHECK(find_whiteout({"a", ".wh..wh..opq"})->kind == Whiteout::Kind::opaque);
        CHECK(find_whiteout({".wh..wh..opq"})->kind == Whiteout::Kind::opaque);
        CHECK_FALSE(find_whiteout({"a", "b.wh.c"}));
        CHECK_FALSE(find_whiteout({".wh", "wh.a"}));
    }

    TEST_CASE("what AUFS keeps for itself is ignored with all below it") {
        CHECK(find_whiteout({".wh..wh.aufs"})->kind == Whiteout::Kind::ignored);
        CHECK(find_whiteout({".wh..wh.plnk", "123.456"})->kind == Whiteout::Kind::ignored);
        CHECK(find_whiteout({".wh..wh..opq", "x"})->kind == Whiteout::Kind::ignored);
    }

    TEST_CASE("a whiteout of nothing is refused") {
        for (const Names& names :
             {Names{".wh."}, Names{".wh.."}, Names{".wh..."}, Names{".wh.a", "b"}})
            CHECK(failure_of([&] { static_cast<void>(find_whiteout(names)); }) == Errc::corrupt);
    }
}

} // namespace thinsnap::test
