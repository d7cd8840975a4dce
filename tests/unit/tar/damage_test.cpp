#include <doctest/doctest.h>

#include "unit/tar/reading.hpp"

namespace thinsnap::test {

using Header = TarBuilder::Header;

TEST_SUITE("tar.damage") {
    TEST_CASE("a lone block of zeros between entries is damage") {
        TarBuilder tar;
        tar.file("a").raw(std::string(512, '\0')).file("b");
        CHECK(kind_of(tar.finished()) == Errc::corrupt);
    }

    TEST_CASE("an archive that ends anywhere else is damaged") {
        TarBuilder tar;
        tar.add({.name = "a", .content = std::string(600, 'x'), .pax = {{"path", "b"}}});
        const std::string& whole = tar.unfinished();
        for (std::size_t length = 1; length < whole.size(); ++length) {
            CAPTURE(length);
            REQUIRE(kind_of(whole.substr(0, length)) == Errc::corrupt);
        }
    }

    TEST_CASE("what is no tar is refused with its position") {
        CHECK(kind_of(std::string(5000, 'x')) == Errc::corrupt);
        TarBuilder tar;
        tar.file("a").raw(std::string(512, 'x'));
        CHECK(message(tar).find("byte 512") != std::string::npos);
        CHECK(message(tar).find("checksum") != std::string::npos);
    }

    TEST_CASE("headers whose fields are no numbers are refused") {
        for (const std::size_t field : {100U, 108U, 116U, 124U, 136U}) {
            Header header{.name = "f"};
            header.patches = {{field, "9zzzzzz"}};
            CHECK(kind_of(TarBuilder().add(header).finished()) == Errc::corrupt);
        }
        Header header{.name = "f", .type = '3'};
        header.patches = {{329, "9zzzzzz"}};
        CHECK(kind_of(TarBuilder().add(header).finished()) == Errc::corrupt);
    }

    TEST_CASE("numbers that no file can have are refused") {
        const auto kind_with = [](const char* key, const char* value, char type = '0') {
            return kind_of(
                TarBuilder().add({.name = "f", .type = type, .pax = {{key, value}}}).finished());
        };
        CHECK(kind_with("uid", "4294967295") == Errc::corrupt);
        CHECK(kind_with("gid", "99999999999") == Errc::corrupt);
        CHECK(kind_with("size", "9223372036854775808") == Errc::corrupt);
        CHECK(kind_with("SCHILY.devmajor", "4096", '3') == Errc::corrupt);
        CHECK(kind_with("SCHILY.devminor", "1048576", '4') == Errc::corrupt);
        Header header{.name = "f"};
        header.patches = {{124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}};
        CHECK(kind_of(TarBuilder().add(header).finished()) == Errc::corrupt);
    }

    TEST_CASE("names that are none are refused") {
        CHECK(kind_of(TarBuilder().file("").finished()) == Errc::corrupt);
        CHECK(kind_of(TarBuilder().symlink("s", "").finished()) == Errc::corrupt);
        CHECK(kind_of(TarBuilder()
                          .add({.name = "f", .pax = {{"path", std::string("a\0b", 3)}}})
                          .finished()) == Errc::corrupt);
        CHECK(
            kind_of(
                TarBuilder()
                    .add({.name = "f", .type = '1', .pax = {{"linkpath", std::string("a\0b", 3)}}})
                    .finished()) == Errc::corrupt);
    }

    TEST_CASE("types that POSIX does not have are unsupported") {
        for (const char type : {'A', 'D', 'M', 'N', 'V', 'X', 'Z', '8', '\n'}) {
            CAPTURE(type);
            CHECK(kind_of(TarBuilder().add({.name = "n", .type = type}).finished()) ==
                  Errc::unsupported);
        }
    }
}

} // namespace thinsnap::test
