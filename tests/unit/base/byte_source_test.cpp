#include "base/byte_source.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

/// Gives one byte at a time.
class Slow final : public ByteSource {
public:
    explicit Slow(std::span<const std::byte> bytes)
        : inner_(bytes) {}
    std::size_t read(std::span<std::byte> into) override { return inner_.read(into.first(1)); }

private:
    MemorySource inner_;
};

} // namespace

TEST_SUITE("base.byte_source") {
    TEST_CASE("a full read puts pieces together and is short at the end only") {
        const auto bytes = pattern(1, 0, 10);
        Slow source(bytes);
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
        Slow slow(bytes);
        CHECK(slow.next(scratch).data() == scratch.data());
        CHECK(scratch[0] == bytes[0]);
    }
}

} // namespace thinsnap::test
