#include <vector>

#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.deletion") {
    TEST_CASE_TEMPLATE("deleting a device frees its chunks", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{kTwo}});
        write_pattern(*open(pool, kOne), 1, 0, 100 * kChunk);
        write_pattern(*open(pool, kTwo), 2, 0, kChunk);
        CHECK(used_chunks(pool) == 101);
        apply_all(pool, {DeleteDevice{kOne}});
        CHECK(pool.status().data.used == 1);
        CHECK(device_ids(pool) == std::vector{kTwo});
        CHECK(holds_pattern(*open(pool, kTwo), 2, 0, kChunk));
    }

    TEST_CASE_TEMPLATE("a device that is not there cannot be deleted", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        CHECK(failure_of([&] { apply_all(pool, {DeleteDevice{kOne}}); }) == Errc::not_found);
        apply_all(pool, {CreateThin{kOne}});
        apply_all(pool, {DeleteDevice{kOne}});
        CHECK(failure_of([&] { apply_all(pool, {DeleteDevice{kOne}}); }) == Errc::not_found);
    }

    TEST_CASE_TEMPLATE("an open device cannot be deleted", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        auto first = open(pool, kOne);
        auto second = pool.open_device(kOne, {.read_only = true});
        CHECK(failure_of([&] { apply_all(pool, {DeleteDevice{kOne}}); }) == Errc::busy);
        first.reset();
        CHECK(failure_of([&] { apply_all(pool, {DeleteDevice{kOne}}); }) == Errc::busy);
        second.reset();
        CHECK_NOTHROW(apply_all(pool, {DeleteDevice{kOne}}));
        CHECK(failure_of([&] { static_cast<void>(open(pool, kOne)); }) == Errc::not_found);
    }

    TEST_CASE_TEMPLATE(
        "a snapshot outlives its origin and the other way round", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, 5 * kChunk);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        DeviceId left = kTwo;
        SUBCASE("the origin goes") {
            apply_all(pool, {DeleteDevice{kOne}});
        }
        SUBCASE("the snapshot goes") {
            apply_all(pool, {DeleteDevice{kTwo}});
            left = kOne;
        }
        CHECK(pool.status().data.used == 5);
        const auto device = open(pool, left);
        CHECK(holds_pattern(*device, 1, 0, 5 * kChunk));
        write_pattern(*device, 2, 0, 5 * kChunk); // nobody shares it now
        CHECK(used_chunks(pool) == 5);
    }

    TEST_CASE_TEMPLATE("a device made again under an old id is empty", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        for (std::uint64_t round = 0; round < 5; ++round) {
            apply_all(pool, {CreateThin{kOne}});
            {
                const auto device = open(pool, kOne);
                CHECK(holds_zeros(*device, 0, 10 * kChunk));
                write_pattern(*device, round, 100, 10 * kChunk);
            }
            apply_all(pool, {DeleteDevice{kOne}});
        }
        CHECK(pool.status().data.used == 0);
    }

    TEST_CASE_TEMPLATE("making and deleting over and over takes no space", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        std::uint64_t metadata_used = 0;
        for (int round = 0; round < 40; ++round) {
            std::vector<PoolOperation> make{CreateThin{kOne}};
            for (std::uint32_t i = 10; i < 30; ++i)
                make.emplace_back(CreateSnapshot{DeviceId(i), kOne});
            apply_all(pool, make);
            write_pattern(*open(pool, kOne), 1, 0, 3 * kChunk);
            std::vector<PoolOperation> remove{DeleteDevice{kOne}};
            for (std::uint32_t i = 10; i < 30; ++i)
                remove.emplace_back(DeleteDevice{DeviceId(i)});
            apply_all(pool, remove);
            if (round == 1)
                metadata_used = pool.status().metadata.used;
        }
        CHECK(pool.status().data.used == 0);
        CHECK(pool.status().metadata.used == metadata_used);
        CHECK(pool.status().devices == 0);
    }

    TEST_CASE_TEMPLATE("devices are made and deleted in a rolling window", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{DeviceId(0)}});
        write_pattern(*open(pool, DeviceId(0)), 0, 0, kChunk);
        for (std::uint32_t i = 1; i < 100; ++i) {
            apply_all(pool, {CreateSnapshot{DeviceId(i), DeviceId(i - 1)}});
            write_pattern(*open(pool, DeviceId(i)), i, i * std::uint64_t{4096}, 4096);
            if (i >= 10)
                apply_all(pool, {DeleteDevice{DeviceId(i - 10)}});
        }
        CHECK(device_ids(pool).size() == 10);
        const auto last = open(pool, DeviceId(99));
        for (std::uint32_t i = 16; i < 100; ++i)
            CHECK(holds_pattern(*last, i, i * std::uint64_t{4096}, 4096));
    }
}

} // namespace thinsnap::test
