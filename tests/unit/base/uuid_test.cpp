#include "base/uuid.hpp"

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("base.uuid") {
    TEST_CASE("a new uuid is random and says so") {
        const Uuid one = make_uuid();
        CHECK(one != make_uuid());
        const std::string text = to_string(one);
        CHECK(text.size() == 36);
        CHECK(text[14] == '4');
        CHECK(std::string("89ab").find(text[19]) != std::string::npos);
    }

    TEST_CASE("a uuid is written in five groups and an empty one not at all") {
        Uuid uuid{};
        CHECK(to_string(uuid).empty());
        for (unsigned char i = 0; i < 16; ++i)
            uuid.at(i) = std::byte{i};
        CHECK(to_string(uuid) == "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }

    TEST_CASE("a written uuid is read back and nothing else is taken for one") {
        const Uuid one = make_uuid();
        CHECK(parse_uuid(to_string(one)) == one);
        CHECK(parse_uuid("") == Uuid{});
        const std::string text = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        CHECK(to_string(parse_uuid(text).value()) == text);
        CHECK_FALSE(parse_uuid(text.substr(1)).has_value());
        CHECK_FALSE(parse_uuid(text + "0").has_value());
        CHECK_FALSE(parse_uuid("000102030405-0607-0809-0a0b0c0d0e0f-").has_value());
        CHECK_FALSE(parse_uuid("00010203-0405-0607-0809-0A0B0C0D0E0F").has_value());
    }
}

} // namespace thinsnap::test
