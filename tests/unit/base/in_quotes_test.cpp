#include "base/in_quotes.hpp"

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("base.in_quotes") {
    TEST_CASE("text stays as it is") {
        CHECK(in_quotes("a b") == "'a b'");
        CHECK(in_quotes("") == "''");
        CHECK(in_quotes("\xC3\xA4 \xE2\x82\xAC") == "'\xC3\xA4 \xE2\x82\xAC'");
    }

    TEST_CASE("bytes from an image move no cursor") {
        CHECK(in_quotes("\x1b[2J\n") == "'\\x1b[2J\\x0a'");
        CHECK(in_quotes("\xC2\x9B"
                        "2J") == "'\\xc2\\x9b2J'");
        CHECK(in_quotes("\x9B"
                        "2J\x7F") == "'\\x9b2J\\x7f'");
    }

    TEST_CASE("quotes and backslashes cannot be taken for the ends of the text") {
        CHECK(in_quotes("a'b\\") == "'a\\x27b\\x5c'");
    }

    TEST_CASE("a long text is cut") {
        CHECK(in_quotes(std::string(300, 'x')) == "'" + std::string(300, 'x') + "'");
        CHECK(in_quotes(std::string(5000, 'x')) == "'" + std::string(300, 'x') + "...'");
    }
}

} // namespace thinsnap::test
