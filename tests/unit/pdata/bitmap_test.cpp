#include "pdata/bitmap.hpp"

#include <array>
#include <optional>

#include <doctest/doctest.h>

#include "support/random.hpp"

namespace thinsnap::test {

using pdata::bitmap_count_used;
using pdata::bitmap_find_zero;
using pdata::bitmap_get;
using pdata::bitmap_set;
using pdata::BlockBytes;
using pdata::kBlockSize;
using pdata::kEntriesPerBitmap;

namespace {

using Block = std::array<std::byte, kBlockSize>;

} // namespace

TEST_SUITE("pdata.bitmap") {
    TEST_CASE("a count has its high bit in the lower position") {
        Block block{};
        bitmap_set(block, 0, 1);
        CHECK(block[16] == std::byte{0b10});
        bitmap_set(block, 0, 2);
        CHECK(block[16] == std::byte{0b01});
        bitmap_set(block, 3, 3);
        CHECK(block[16] == std::byte{0b11000001});
        bitmap_set(block, 0, 0);
        bitmap_set(block, 4, 1);
        CHECK(block[17] == std::byte{0b10});
    }

    TEST_CASE("a bitmap byte of the kernel is read as it meant it") {
        Block block{};
        block[16 + 25] = std::byte{0xB0}; // blocks 100 to 103 of a pool with 9 snapshots of a root
        CHECK(bitmap_get(block, 100) == 0);
        CHECK(bitmap_get(block, 101) == 0);
        CHECK(bitmap_get(block, 102) == 3);
        CHECK(bitmap_get(block, 103) == 1);
    }

    TEST_CASE("setting a count leaves its neighbours") {
        Block block{};
        for (std::uint32_t i = 0; i < 16; ++i)
            bitmap_set(block, i, i % 4);
        bitmap_set(block, 6, 0);
        for (std::uint32_t i = 0; i < 16; ++i)
            CHECK(bitmap_get(block, i) == (i == 6 ? 0 : i % 4));
        bitmap_set(block, kEntriesPerBitmap - 1, 2);
        CHECK(block[kBlockSize - 1] == std::byte{0b01000000});
    }

    TEST_CASE("searching a bitmap agrees with looking at each entry") {
        Random random(3);
        for (int round = 0; round < 30; ++round) {
            Block block{};
            const std::uint64_t density = 1 + random.below(40);
            for (std::uint32_t i = 0; i < kEntriesPerBitmap; ++i)
                bitmap_set(block, i, random.one_in(density) ? 0U : 1U + i % 3U);
            const auto from = static_cast<std::uint32_t>(random.below(kEntriesPerBitmap));
            const auto to = static_cast<std::uint32_t>(
                from + random.below(std::uint64_t{kEntriesPerBitmap} - from + 1));
            std::optional<std::uint32_t> expected;
            std::uint32_t used = 0;
            for (std::uint32_t i = 0; i < to; ++i) {
                const bool zero = bitmap_get(block, i) == 0;
                used += zero ? 0 : 1;
                if (zero && i >= from && !expected)
                    expected = i;
            }
            CAPTURE(from);
            CAPTURE(to);
            CHECK(bitmap_find_zero(block, from, to) == expected);
            CHECK(bitmap_count_used(block, to) == used);
        }
    }

    TEST_CASE("a full bitmap has no zero and an empty range neither") {
        Block block{};
        for (std::uint32_t i = 0; i < kEntriesPerBitmap; ++i)
            bitmap_set(block, i, 1);
        CHECK(bitmap_find_zero(block, 0, kEntriesPerBitmap) == std::nullopt);
        CHECK(bitmap_count_used(block, kEntriesPerBitmap) == kEntriesPerBitmap);
        bitmap_set(block, kEntriesPerBitmap - 1, 0);
        CHECK(bitmap_find_zero(block, 0, kEntriesPerBitmap) == kEntriesPerBitmap - 1);
        CHECK(bitmap_find_zero(block, 0, kEntriesPerBitmap - 1) == std::nullopt);
        CHECK(bitmap_find_zero(block, 5, 5) == std::nullopt);
    }

    TEST_CASE("an index entry and a space map root stand as the kernel writes them") {
        std::array<std::byte, 16> entry{};
        pdata::IndexEntry{MetaBlock(9), 16310, 1}.pack(entry);
        CHECK(load_le<std::uint64_t>(entry, 0) == 9);
        CHECK(load_le<std::uint32_t>(entry, 8) == 16310);
        CHECK(load_le<std::uint32_t>(entry, 12) == 1);
        CHECK(pdata::IndexEntry::unpack(entry).nr_free == 16310);

        std::array<std::byte, 128> root{};
        root.fill(std::byte{0xAA});
        pdata::SpaceMapRoot{16384, 7, MetaBlock(11), MetaBlock(5)}.pack(root);
        CHECK(load_le<std::uint64_t>(root, 0) == 16384);
        CHECK(load_le<std::uint64_t>(root, 8) == 7);
        CHECK(load_le<std::uint64_t>(root, 16) == 11);
        CHECK(load_le<std::uint64_t>(root, 24) == 5);
        CHECK(root[32] == std::byte{0});
        CHECK(pdata::SpaceMapRoot::unpack(root).ref_count_root == MetaBlock(5));
    }
}

} // namespace thinsnap::test
