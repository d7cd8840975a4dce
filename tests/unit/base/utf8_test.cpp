#include "base/utf8.hpp"

#include <string>

#include <doctest/doctest.h>

namespace thinsnap::test {

using namespace std::string_view_literals;

TEST_SUITE("base.utf8") {
    TEST_CASE("the first and the last character of each length are known") {
        for (const auto text : {"\0"sv,
                                "\x7F"sv,
                                "\xC2\x80"sv,
                                "\xDF\xBF"sv,
                                "\xE0\xA0\x80"sv,
                                "\xED\x9F\xBF"sv,
                                "\xEE\x80\x80"sv,
                                "\xEF\xBF\xBF"sv,
                                "\xF0\x90\x80\x80"sv,
                                "\xF4\x8F\xBF\xBF"sv}) {
            CHECK(utf8_length(text) == text.size());
            CHECK(utf8_length(std::string(text) + "x") == text.size());
            CHECK(is_utf8(std::string(text) + std::string(text)));
        }
        CHECK(is_utf8(""));
    }

    TEST_CASE("what is overlong or a surrogate or too large or cut is no character") {
        for (const auto text : {"\x80"sv,
                                "\xBF"sv,
                                "\xC0\x80"sv,
                                "\xC1\xBF"sv,
                                "\xC2"sv,
                                "\xC2\x7F"sv,
                                "\xE0\x9F\xBF"sv,
                                "\xE2\x82"sv,
                                "\xE2\x82\xC0"sv,
                                "\xED\xA0\x80"sv,
                                "\xF0\x8F\xBF\xBF"sv,
                                "\xF0\x90\x80"sv,
                                "\xF0\x90\x80x"sv,
                                "\xF4\x90\x80\x80"sv,
                                "\xF5\x80\x80\x80"sv,
                                "\xFF"sv}) {
            CHECK(utf8_length(text) == 0);
            CHECK_FALSE(is_utf8("a" + std::string(text)));
        }
    }

    TEST_CASE("control characters are not printable") {
        for (const auto text : {"\0"sv, "\x1B"sv, "\x7F"sv, "\xC2\x80"sv, "\xC2\x9F"sv, "\xFF"sv})
            CHECK(printable_utf8_length(text) == 0);
        CHECK(printable_utf8_length(" ") == 1);
        CHECK(printable_utf8_length("\xC2\xA0") == 2);
        CHECK(printable_utf8_length("\xE2\x82\xAC") == 3);
    }
}

} // namespace thinsnap::test
