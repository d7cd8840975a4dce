#include "tar/format.hpp"

#include <string>

#include <doctest/doctest.h>

namespace thinsnap::test {

using tar::Block;
using tar::parse_number;

TEST_SUITE("tar.format") {
    TEST_CASE("octal numbers stand in spaces and NULs") {
        CHECK(parse_number(std::string_view("0000644\0", 8)) == 0644);
        CHECK(parse_number("   644 ") == 0644);
        CHECK(parse_number(std::string_view("644 \0\0", 6)) == 0644);
        CHECK(parse_number("77777777777") == 8'589'934'591);
        CHECK(parse_number("        ") == 0);
        CHECK(parse_number(std::string_view("\0\0", 2)) == 0);
    }

    TEST_CASE("what is not octal is no number") {
        CHECK_FALSE(parse_number("0000648"));
        CHECK_FALSE(parse_number("-1"));
        CHECK_FALSE(parse_number("1 1"));
        CHECK_FALSE(parse_number("7777777777777777777777"));
    }

    TEST_CASE("base 256 holds large and negative numbers") {
        CHECK(parse_number(std::string_view("\x80\0\0\0\0\0\0\x05", 8)) == 5);
        CHECK(parse_number(std::string_view("\x80\0\0\0\0\0\0\x02\0\0\0\0", 12)) == 8'589'934'592);
        CHECK(parse_number("\xff\xff\xff\xff\xff\xff\xff\xfe") == -2);
        CHECK(parse_number("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe") == -2);
        CHECK(parse_number(std::string_view("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)) ==
              0x7FFF'FFFF'FFFF'FFFF);
        CHECK_FALSE(parse_number(std::string_view("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)));
        CHECK_FALSE(parse_number(std::string_view("\x80\x01\0\0\0\0\0\0\0\0\0\0", 12)));
    }

    TEST_CASE("a checksum that was put is right until a byte changes") {
        Block block{};
        put_text(block, tar::kName, "\xe4\xff name");
        tar::put_checksum(block);
        CHECK(tar::has_checksum(block));
        block[3] ^= std::byte{1};
        CHECK_FALSE(tar::has_checksum(block));
    }

    TEST_CASE("a checksum of signed bytes is right") {
        Block block{};
        put_text(block, tar::kName, "\xe4");
        // 0xe4 as -28, eight spaces
        put_text(block, tar::kChecksum, std::string("000344\0 ", 8));
        CHECK(tar::has_checksum(block));
    }

    TEST_CASE("a number that does not fit says so") {
        Block block{};
        CHECK(put_number(block, tar::kUid, 07777777));
        CHECK(field_text(block, tar::kUid) == "7777777");
        CHECK_FALSE(put_number(block, tar::kUid, 010000000));
    }
}

} // namespace thinsnap::test
