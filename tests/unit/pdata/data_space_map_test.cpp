#include "pdata/data_space_map.hpp"

#include <map>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

#include "unit/pdata/rig.hpp"

namespace thinsnap::test {

using pdata::ChunkRun;
using pdata::DataSpaceMap;
using pdata::kEntriesPerBitmap;

namespace {

struct DataRig {
    explicit DataRig(std::uint64_t chunks) { map.extend(chunks); }

    PdataRig rig{8192};
    DataSpaceMap map{rig.transaction};
    pdata::SpaceMapRoot root;

    /// Commits, and gives back what the commit freed.
    std::vector<ChunkRun> commit() {
        root = map.save();
        rig.commit();
        return map.committed();
    }
    void commit_and_release() {
        for (const ChunkRun& run : commit())
            map.release(run);
    }
    DataChunk take() {
        const auto run = map.reserve(1);
        REQUIRE(run.has_value());
        map.claim(run->begin);
        return run->begin;
    }
};

} // namespace

TEST_SUITE("pdata.data_space_map") {
    TEST_CASE("a chunk is reserved then claimed") {
        DataRig rig(100);
        const auto run = rig.map.reserve(1);
        REQUIRE(run.has_value());
        CHECK(rig.map.count(run->begin) == 0);
        CHECK(rig.map.nr_free() == 99);
        rig.map.claim(run->begin);
        CHECK(rig.map.count(run->begin) == 1);
        CHECK(rig.map.nr_free() == 99);
        CHECK(rig.map.nr_allocated() == 1);
    }

    TEST_CASE("neighbouring chunks come as a run and never twice") {
        DataRig rig(100);
        std::set<DataChunk> seen;
        std::uint64_t total = 0;
        while (const auto run = rig.map.reserve(32)) {
            CHECK(run->length <= 32);
            for (std::uint64_t i = 0; i < run->length; ++i)
                seen.insert(run->begin + i);
            total += run->length;
        }
        CHECK(total == 100);
        CHECK(seen.size() == 100);
        CHECK(rig.map.nr_free() == 0);
    }

    TEST_CASE("a cancelled reservation is free again") {
        DataRig rig(2);
        const auto run = rig.map.reserve(2);
        REQUIRE(run.has_value());
        rig.map.cancel(*run);
        CHECK(rig.map.nr_free() == 2);
        CHECK(rig.map.reserve(2).has_value());
    }

    TEST_CASE("a freed chunk is held back until its commit is done and its space given back") {
        DataRig rig(1);
        const DataChunk chunk = rig.take();
        rig.commit_and_release();
        rig.map.dec(chunk);
        CHECK(rig.map.nr_held_back() == 1);
        CHECK_FALSE(rig.map.reserve(1).has_value());
        const auto freed = rig.commit();
        REQUIRE(freed.size() == 1);
        CHECK(freed[0].begin == chunk);
        CHECK(freed[0].length == 1);
        CHECK_FALSE(rig.map.reserve(1).has_value());
        rig.map.release(freed[0]);
        CHECK(rig.map.nr_free() == 1);
        CHECK(rig.map.reserve(1).has_value());
    }

    TEST_CASE("a commit does not give back what is reserved") {
        DataRig rig(4);
        const auto run = rig.map.reserve(4);
        REQUIRE(run.has_value());
        CHECK(rig.commit().empty());
        CHECK_FALSE(rig.map.reserve(1).has_value());
        for (std::uint64_t i = 0; i < 4; ++i)
            rig.map.claim(run->begin + i);
        rig.commit_and_release();
        CHECK(rig.root.nr_allocated == 4);
    }

    TEST_CASE("a lost mapping is remembered until the commit") {
        DataRig rig(4);
        const DataChunk chunk = rig.take();
        rig.map.inc(chunk);
        rig.commit_and_release();
        CHECK_FALSE(rig.map.lost_a_mapping(chunk));
        rig.map.dec(chunk);
        CHECK(rig.map.count(chunk) == 1);
        CHECK(rig.map.lost_a_mapping(chunk));
        rig.commit_and_release();
        CHECK_FALSE(rig.map.lost_a_mapping(chunk));
    }

    TEST_CASE("counts go over the border of the overflow tree and back") {
        DataRig rig(4);
        const DataChunk chunk = rig.take();
        for (std::uint32_t i = 2; i < 10; ++i) {
            rig.map.inc(chunk);
            CHECK(rig.map.count(chunk) == i);
        }
        rig.commit_and_release();
        for (std::uint32_t i = 9; i-- > 0;) {
            rig.map.dec(chunk);
            CHECK(rig.map.count(chunk) == i);
        }
        CHECK_THROWS_AS(rig.map.dec(chunk), Error);
    }

    TEST_CASE("a mapping of a chunk that is not in use is damage") {
        DataRig rig(4);
        CHECK_THROWS_AS(rig.map.inc(DataChunk(2)), Error);
        CHECK_THROWS_AS(rig.map.dec(DataChunk(4)), Error);
        CHECK_THROWS_AS(static_cast<void>(rig.map.count(DataChunk(UINT64_MAX))), Error);
    }

    TEST_CASE("new chunks at the end can be used at once") {
        DataRig rig(1);
        static_cast<void>(rig.take());
        CHECK_FALSE(rig.map.reserve(1).has_value());
        rig.map.extend(kEntriesPerBitmap + 2);
        CHECK(rig.map.nr_free() == kEntriesPerBitmap + 1);
        std::uint64_t total = 0;
        while (const auto run = rig.map.reserve(1000))
            total += run->length;
        CHECK(total == kEntriesPerBitmap + 1);
    }

    TEST_CASE("the saved index follows the convention of the kernel") {
        DataRig rig(kEntriesPerBitmap + 10);
        static_cast<void>(rig.take());
        rig.commit_and_release();
        const pdata::BtreeReader index(rig.rig.cache, 16);
        std::array<std::byte, 16> value{};
        REQUIRE(index.find(rig.root.bitmap_root, 0, value));
        CHECK(pdata::IndexEntry::unpack(value).nr_free == kEntriesPerBitmap - 1);
        REQUIRE(index.find(rig.root.bitmap_root, 1, value));
        CHECK(pdata::IndexEntry::unpack(value).nr_free == kEntriesPerBitmap);
        CHECK_FALSE(index.find(rig.root.bitmap_root, 2, value));
    }

    TEST_CASE("an index with a bitmap missing is damage") {
        DataRig rig(10);
        rig.commit_and_release();
        rig.root.nr_blocks = kEntriesPerBitmap + 1;
        CHECK_THROWS_AS(DataSpaceMap(rig.rig.transaction, rig.root), CorruptionError);
        rig.root.nr_blocks = UINT64_MAX;
        CHECK_THROWS_AS(DataSpaceMap(rig.rig.transaction, rig.root), CorruptionError);
    }

    TEST_CASE("random use agrees with a model and survives being read again") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        constexpr std::uint64_t kChunks = kEntriesPerBitmap + 500;
        DataRig rig(kChunks);
        std::map<DataChunk, std::uint32_t> model;
        std::set<DataChunk> not_yet; // freed since the last commit
        for (int i = 0; i < 20000; ++i) {
            const std::uint64_t action = random.below(100);
            if (action < 40) {
                const auto run = rig.map.reserve(1 + random.below(40));
                if (!run)
                    continue;
                for (std::uint64_t k = 0; k < run->length; ++k) {
                    REQUIRE_FALSE(model.contains(run->begin + k));
                    REQUIRE_FALSE(not_yet.contains(run->begin + k));
                }
                if (random.one_in(5)) {
                    rig.map.cancel(*run);
                    continue;
                }
                for (std::uint64_t k = 0; k < run->length; ++k) {
                    rig.map.claim(run->begin + k);
                    model[run->begin + k] = 1;
                }
            } else if (action < 99) {
                for (int k = 0; k < 15 && !model.empty(); ++k) {
                    const auto at = model.lower_bound(DataChunk(random.below(kChunks)));
                    if (at == model.end())
                        continue;
                    if (random.one_in(4)) {
                        rig.map.inc(at->first);
                        ++at->second;
                        continue;
                    }
                    rig.map.dec(at->first);
                    if (--at->second == 0) {
                        not_yet.insert(at->first);
                        model.erase(at);
                    }
                }
            } else {
                std::set<DataChunk> freed;
                for (const ChunkRun& run : rig.commit()) {
                    for (std::uint64_t k = 0; k < run.length; ++k)
                        freed.insert(run.begin + k);
                    rig.map.release(run);
                }
                REQUIRE(freed == not_yet);
                not_yet.clear();
            }
            REQUIRE(rig.map.nr_allocated() == model.size());
            REQUIRE(rig.map.nr_free() == kChunks - model.size() - not_yet.size());
        }
        rig.commit_and_release();
        DataSpaceMap again(rig.rig.transaction, rig.root);
        for (std::uint64_t i = 0; i < kChunks; ++i) {
            const auto found = model.find(DataChunk(i));
            const std::uint32_t expected = found == model.end() ? 0 : found->second;
            REQUIRE(again.count(DataChunk(i)) == expected);
        }
        CHECK(again.nr_allocated() == model.size());
    }
}

} // namespace thinsnap::test
