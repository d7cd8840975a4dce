#include "base/byte_source.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include "support/content.hpp"
#include "support/piece_source.hpp"

namespace thinsnap::test {

TEST_SUITE("base.byte_source") {
    TEST_CASE("a full read puts pieces together and is short at the end only") {
        const auto bytes = pattern(1, 0, 10);
        PieceSource source(bytes, 1);
        std::array<std::byte, 7> part{};
        CHECK(read_full(source, part) == 7);
        CHECK(std::ranges::equal(part, std::span(bytes).first(7)));
        CHECK(read_full(source, part) == 3);
        CHECK(read_full(source, part) == 0);
    }

    TEST_CASE("the next piece comes from the source's memory or by way of the caller's") {
        const auto bytes = pattern(1, 0, 10);
        std::array<std::byte, 4> scratch{};
        MemorySource memory(bytes);
        CHECK(memory.next(scratch).data() == bytes.data());
        CHECK(memory.next(scratch).empty());
        PieceSource slow(bytes, 1);
        CHECK(slow.next(scratch).data() == scratch.data());
        CHECK(scratch[0] == bytes[0]);
    }
}

} // namespace thinsnap::test
