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
}

} // namespace thinsnap::test
