#include <algorithm>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

#include "unit/pdata/rig.hpp"

namespace thinsnap::test {

using pdata::kEntriesPerBitmap;
using pdata::MetadataSpaceMap;

namespace {

std::vector<std::uint32_t> counts_of(const MetadataSpaceMap& map) {
    std::vector<std::uint32_t> counts;
    for (std::uint64_t i = 0; i < map.nr_blocks(); ++i)
        counts.push_back(map.count(MetaBlock(i)));
    return counts;
}

/// The counts that somebody who opens the device now would find.
std::vector<std::uint32_t> reopened(PdataRig& rig) {
    pdata::BlockCache cache(rig.device, 256);
    return counts_of(MetadataSpaceMap(cache, *rig.saved));
}

} // namespace

TEST_SUITE("pdata.metadata_space_map") {
    TEST_CASE("an allocated block is handed out once and has count 1") {
        PdataRig rig(1024);
        MetadataSpaceMap& map = rig.transaction.space_map();
        std::set<MetaBlock> seen;
        for (int i = 0; i < 1000; ++i) {
            const MetaBlock block = map.allocate();
            CHECK(map.count(block) == 1);
            CHECK(map.is_new(block));
            seen.insert(block);
        }
        CHECK(seen.size() == 1000);
        CHECK_FALSE(seen.contains(MetaBlock(0)));
        CHECK(map.nr_allocated() == 1001);
        CHECK(map.nr_free() == 23);
    }

    TEST_CASE("a full map is no space and says how full") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        for (int i = 0; i < 599; ++i)
            static_cast<void>(map.allocate());
        try {
            static_cast<void>(map.allocate());
            FAIL("there was one more");
        } catch (const Error& error) {
            CHECK(error.kind() == Errc::no_space);
            CHECK(std::string_view(error.what()).find("600") != std::string_view::npos);
        }
    }

    TEST_CASE("a block that is freed before it was committed can be used at once") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        const MetaBlock block = map.allocate();
        CHECK(map.dec(block) == 0);
        CHECK(map.nr_free() == 599);
    }

    TEST_CASE("a committed block that is freed is not reused before the commit") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        const MetaBlock block = map.allocate();
        rig.commit();
        CHECK_FALSE(map.is_new(block));
        map.dec(block);
        const std::uint64_t free = map.nr_free();
        for (std::uint64_t i = 0; i < free; ++i)
            CHECK(map.allocate() != block);
        CHECK_THROWS_AS(static_cast<void>(map.allocate()), Error);
    }

    TEST_CASE("after the commit a freed block is free") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        const MetaBlock block = map.allocate();
        rig.commit();
        map.dec(block);
        rig.commit();
        bool seen = false;
        while (map.nr_free() > 0)
            seen = map.allocate() == block || seen;
        CHECK(seen);
    }

    TEST_CASE("a view keeps the blocks of its commit until it is closed") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        const MetaBlock block = map.allocate();
        rig.commit();
        const auto early = map.pin_view();
        const auto again = map.pin_view();
        map.dec(block);
        rig.commit();
        const auto late = map.pin_view();
        const std::uint64_t held = map.nr_free();
        map.unpin_view(late);
        map.unpin_view(early);
        CHECK(map.nr_free() == held);
        map.unpin_view(again);
        CHECK(map.nr_free() > held);
    }

    TEST_CASE("a count below zero is damage and not a number") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        CHECK_THROWS_AS(static_cast<void>(map.dec(MetaBlock(77))), CorruptionError);
        CHECK_THROWS_AS(map.inc(MetaBlock(600)), CorruptionError);
        CHECK_THROWS_AS(static_cast<void>(map.count(MetaBlock(UINT64_MAX))), CorruptionError);
    }

    TEST_CASE("what is saved is what is read again") {
        PdataRig rig(2 * kEntriesPerBitmap + 1000);
        MetadataSpaceMap& map = rig.transaction.space_map();
        Random random(9);
        std::vector<MetaBlock> mine;
        for (int round = 0; round < 8; ++round) {
            for (int i = 0; i < 3000; ++i) {
                if (mine.empty() || random.one_in(3)) {
                    mine.push_back(map.allocate());
                } else if (random.one_in(2)) { // over and under the border of the overflow tree
                    map.inc(mine[random.below(mine.size())]);
                } else {
                    const std::size_t at = random.below(mine.size());
                    if (map.dec(mine[at]) == 0)
                        mine.erase(mine.begin() + static_cast<std::ptrdiff_t>(at));
                }
            }
            const auto root = rig.commit();
            CHECK(root.nr_allocated == map.nr_allocated());
            REQUIRE(reopened(rig) == counts_of(map));
            REQUIRE(rig.device.violations().empty());
        }
        TreeAudit audit;
        audit_space_map(rig, audit);
        CHECK(audit.damage == std::vector<std::string>{});
    }

    TEST_CASE("the saved metadata index follows the convention of the kernel") {
        PdataRig rig(600);
        static_cast<void>(rig.transaction.space_map().allocate());
        const auto root = rig.commit();
        const auto index = rig.cache.read(root.bitmap_root, pdata::BlockKind::index);
        const auto entry = pdata::IndexEntry::unpack(index.bytes().subspan(16));
        CHECK(entry.nr_free == kEntriesPerBitmap - root.nr_allocated);
        CHECK(entry.none_free_before <= root.nr_allocated);
        CHECK(root.nr_blocks == 600);
    }

    TEST_CASE("a commit without a change costs a handful of blocks") {
        PdataRig rig(1024);
        rig.commit();
        const std::uint64_t before = rig.transaction.space_map().nr_allocated();
        for (int i = 0; i < 10; ++i)
            rig.commit();
        CHECK(rig.transaction.space_map().nr_allocated() == before);
        CHECK(before <= 5);
    }

    TEST_CASE("a grown map uses its new blocks and is read again") {
        PdataRig rig(kEntriesPerBitmap * 2);
        // the map starts with less than the device
        MetadataSpaceMap small(600);
        static_cast<void>(small.allocate());
        pdata::Transaction transaction(rig.cache, std::move(small));
        MetadataSpaceMap& map = transaction.space_map();
        while (map.nr_free() > 50)
            static_cast<void>(map.allocate());
        map.extend(kEntriesPerBitmap + 5);
        for (int i = 0; i < 1000; ++i)
            static_cast<void>(map.allocate());
        const auto root = map.save(transaction);
        rig.cache.write_back();
        map.committed();
        CHECK(root.nr_blocks == kEntriesPerBitmap + 5);
        pdata::BlockCache cache(rig.device, 256);
        CHECK(counts_of(MetadataSpaceMap(cache, root)) == counts_of(map));
    }

    TEST_CASE("a bitmap that points to an entry which is not there is damage") {
        PdataRig rig(600);
        MetadataSpaceMap& map = rig.transaction.space_map();
        static_cast<void>(map.allocate());
        const auto root = rig.commit();
        const auto index = rig.cache.read(root.bitmap_root, pdata::BlockKind::index);
        const MetaBlock bitmap = pdata::IndexEntry::unpack(index.bytes().subspan(16)).bitmap;
        pdata::bitmap_set(
            rig.cache.write(bitmap, pdata::BlockKind::bitmap).bytes(), 99, pdata::kOverflow);
        try {
            const MetadataSpaceMap broken(rig.cache, root);
            FAIL("it was read");
        } catch (const CorruptionError& error) {
            CHECK(error.block() == 99);
        }
    }

    TEST_CASE("a map that is larger than the device is refused") {
        PdataRig rig(600);
        auto root = rig.commit();
        root.nr_blocks = 601;
        CHECK_THROWS_AS(MetadataSpaceMap(rig.cache, root), CorruptionError);
        root.nr_blocks = UINT64_MAX;
        CHECK_THROWS_AS(MetadataSpaceMap(rig.cache, root), CorruptionError);
    }
}

} // namespace thinsnap::test
