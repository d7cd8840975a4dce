#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.resize") {
    TEST_CASE_TEMPLATE("data grows step by step and all of it is used", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 10});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        std::uint64_t written = 0;
        for (const std::uint64_t chunks : {10U, 11U, 40U, 41U, 100U}) {
            harness.enlarge_data(chunks * kChunk + 5000); // the rest is no whole chunk
            pool.grow_data(chunks * kChunk + 5000);
            CHECK(pool.status().data.total == chunks);
            write_pattern(*device, 1, written * kChunk, (chunks - written) * kChunk);
            written = chunks;
        }
        CHECK(holds_pattern(*device, 1, 0, 100 * kChunk));
        CHECK(pool.status().data.free() == 0);
        CHECK(failure_of([&] { write_pattern(*device, 1, 100 * kChunk, 1); }) == Errc::no_space);
    }

    TEST_CASE_TEMPLATE(
        "a pool never gets smaller or larger than its devices", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 10});
        ThinPool& pool = harness.pool();
        const std::uint64_t metadata = harness.shape().metadata_bytes;
        CHECK(failure_of([&] { pool.grow_data(9 * kChunk); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { pool.grow_data(11 * kChunk); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { pool.grow_metadata(metadata - 4096); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { pool.grow_metadata(metadata + 4096); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { pool.grow_data(10 * kChunk); }) == std::nullopt);
        CHECK(failure_of([&] { pool.grow_metadata(metadata); }) == std::nullopt);
        CHECK(pool.status().mode == PoolMode::write);
        CHECK(pool.status().data.total == 10);
    }

    TEST_CASE_TEMPLATE("metadata grows and stays grown", Harness, POOL_DRIVERS) {
        Harness harness({.metadata_bytes = 2U << 20U});
        apply_all(harness.pool(), {CreateThin{kOne}});
        write_pattern(*open(harness.pool(), kOne), 1, 0, 20 * kChunk);
        for (const std::uint64_t mib : {3U, 8U, 70U}) { // the last needs a second bitmap
            harness.enlarge_metadata(mib << 20U);
            harness.pool().grow_metadata(mib << 20U);
            CHECK(harness.pool().status().metadata.total == (mib << 20U) / 4096);
        }
        harness.reopen();
        CHECK(harness.pool().status().metadata.total == (70U << 20U) / 4096);
        CHECK(holds_pattern(*open(harness.pool(), kOne), 1, 0, 20 * kChunk));
        apply_all(harness.pool(), {CreateSnapshot{kTwo, kOne}});
    }

    TEST_CASE_TEMPLATE("data with many bitmaps grows at once", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 10});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        harness.enlarge_data(100000 * kChunk);
        pool.grow_data(100000 * kChunk);
        CHECK(pool.status().data.total == 100000);
        write_pattern(*open(pool, kOne), 1, 0, 100 * kChunk);
        pool.commit();
        harness.reopen();
        CHECK(harness.pool().status().data.total == 100000);
        CHECK(holds_pattern(*open(harness.pool(), kOne), 1, 0, 100 * kChunk));
    }

    TEST_CASE_TEMPLATE("devices that are larger than the pool says are not used by themselves",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness({.data_chunks = 10});
        harness.enlarge_data(20 * kChunk);
        harness.enlarge_metadata(8U << 20U);
        harness.reopen();
        CHECK(harness.pool().status().data.total == 10);
        if (Harness::kPromises.is_told_the_metadata_size)
            CHECK(harness.pool().status().metadata.total == harness.shape().metadata_bytes / 4096);
    }
}

} // namespace thinsnap::test
