#include "layer/tar_format.hpp"

#include <string>

#include <doctest/doctest.h>

namespace thinsnap::test {

using layer::tar_number;
using layer::TarBlock;

TEST_SUITE("layer.tar_format") {
    TEST_CASE("octal numbers stand in spaces and NULs") {
        CHECK(tar_number(std::string_view("0000644\0", 8)) == 0644);
        CHECK(tar_number("   644 ") == 0644);
        CHECK(tar_number(std::string_view("644 \0\0", 6)) == 0644);
        CHECK(tar_number("77777777777") == 8'589'934'591);
        CHECK(tar_number("        ") == 0);
        CHECK(tar_number(std::string_view("\0\0", 2)) == 0);
    }

    TEST_CASE("what is not octal is no number") {
        CHECK_FALSE(tar_number("0000648"));
        CHECK_FALSE(tar_number("-1"));
        CHECK_FALSE(tar_number("1 1"));
        CHECK_FALSE(tar_number("7777777777777777777777"));
    }

    TEST_CASE("base 256 holds large and negative numbers") {
        CHECK(tar_number(std::string_view("\x80\0\0\0\0\0\0\x05", 8)) == 5);
        CHECK(tar_number(std::string_view("\x80\0\0\0\0\0\0\x02\0\0\0\0", 12)) == 8'589'934'592);
        CHECK(tar_number("\xff\xff\xff\xff\xff\xff\xff\xfe") == -2);
        CHECK(tar_number("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe") == -2);
        CHECK(tar_number(std::string_view("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)) ==
              0x7FFF'FFFF'FFFF'FFFF);
        CHECK_FALSE(tar_number(std::string_view("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)));
        CHECK_FALSE(tar_number(std::string_view("\x80\x01\0\0\0\0\0\0\0\0\0\0", 12)));
    }

    TEST_CASE("a checksum that was put is right until a byte changes") {
        TarBlock block{};
        put_tar_text(block, layer::kTarName, "\xe4\xff name");
        layer::put_tar_checksum(block);
        CHECK(layer::has_tar_checksum(block));
        block[3] ^= std::byte{1};
        CHECK_FALSE(layer::has_tar_checksum(block));
    }

    TEST_CASE("a checksum of signed bytes is right") {
        TarBlock block{};
        put_tar_text(block, layer::kTarName, "\xe4");
        // 0xe4 as -28, eight spaces
        put_tar_text(block, layer::kTarChecksum, std::string("000344\0 ", 8));
        CHECK(layer::has_tar_checksum(block));
    }

    TEST_CASE("a number that does not fit says so") {
        TarBlock block{};
        CHECK(put_tar_number(block, layer::kTarUid, 07777777));
        CHECK(tar_text(block, layer::kTarUid) == "7777777");
        CHECK_FALSE(put_tar_number(block, layer::kTarUid, 010000000));
    }
}

} // namespace thinsnap::test
