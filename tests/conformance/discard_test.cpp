#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.discard") {
    TEST_CASE_TEMPLATE("a discarded chunk reads as zeros and is free", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, 0, 10 * kChunk);
        device->discard(3 * kChunk, 2 * kChunk);
        CHECK(holds_zeros(*device, 3 * kChunk, 2 * kChunk));
        CHECK(holds_pattern(*device, 1, 0, 3 * kChunk));
        CHECK(holds_pattern(*device, 1, 5 * kChunk, 5 * kChunk));
        CHECK(used_chunks(pool) == 8);
        CHECK(device_info(pool, kOne)->mapped_chunks == 8);
    }

    TEST_CASE_TEMPLATE("a discard of less than a chunk is ignored", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, 0, 3 * kChunk);
        device->discard(0, kChunk - 1);
        device->discard(1, kChunk);
        device->discard(kChunk / 2, kChunk);
        device->discard(kChunk, 0);
        CHECK(holds_pattern(*device, 1, 0, 3 * kChunk));
        device->discard(kChunk - 1, kChunk + 2); // covers chunk 1 and bytes on both sides
        CHECK(holds_pattern(*device, 1, 0, kChunk));
        CHECK(holds_zeros(*device, kChunk, kChunk));
        CHECK(holds_pattern(*device, 1, 2 * kChunk, kChunk));
    }

    TEST_CASE_TEMPLATE(
        "discarding twice or what was never written changes nothing", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, 0, 2 * kChunk);
        device->discard(0, kChunk);
        device->discard(0, kChunk);
        device->discard(5 * kChunk, 5 * kChunk);
        device->discard(0, device->size());
        CHECK(used_chunks(pool) == 0);
        CHECK(holds_zeros(*device, 0, 16 * kChunk));
    }

    TEST_CASE_TEMPLATE("every second chunk can be discarded", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, 0, 100 * kChunk);
        for (std::uint64_t chunk = 0; chunk < 100; chunk += 2)
            device->discard(chunk * kChunk, kChunk);
        CHECK(used_chunks(pool) == 50);
        for (std::uint64_t chunk = 0; chunk < 100; ++chunk)
            CHECK((chunk % 2 == 0 ? holds_zeros(*device, chunk * kChunk, kChunk)
                                  : holds_pattern(*device, 1, chunk * kChunk, kChunk)));
    }

    TEST_CASE_TEMPLATE("a discard behind the end is refused", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = pool.open_device(kOne, {.size = 10 * kChunk});
        CHECK(failure_of([&] { device->discard(9 * kChunk, 2 * kChunk); }) ==
              Errc::invalid_argument);
        CHECK(failure_of([&] { device->discard(1, UINT64_MAX); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->discard(9 * kChunk, kChunk); }) == std::nullopt);
    }

    TEST_CASE_TEMPLATE("a discard leaves those who share the chunk alone", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, 5 * kChunk);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        const auto origin = open(pool, kOne);
        const auto snapshot = open(pool, kTwo);
        origin->discard(0, 3 * kChunk);
        CHECK(used_chunks(pool) == 5);
        CHECK(holds_zeros(*origin, 0, 3 * kChunk));
        CHECK(holds_pattern(*snapshot, 1, 0, 5 * kChunk));
        snapshot->discard(0, kChunk);
        CHECK(used_chunks(pool) == 4);
        write_pattern(*snapshot, 2, kChunk, kChunk); // the last owner now
        CHECK(used_chunks(pool) == 4);
        CHECK(holds_zeros(*origin, 0, 3 * kChunk));
    }

    TEST_CASE_TEMPLATE("a discarded chunk is written again as if new", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        for (std::uint64_t round = 0; round < 10; ++round) {
            write_pattern(*device, round, 1000, 5000);
            CHECK(holds_pattern(*device, round, 1000, 5000));
            CHECK(holds_zeros(*device, 0, 1000));
            CHECK(holds_zeros(*device, 6000, kChunk - 6000));
            device->discard(0, kChunk);
        }
        CHECK(used_chunks(pool) == 0);
    }

    TEST_CASE_TEMPLATE("a discard survives once it is flushed", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        {
            const auto device = open(harness.pool(), kOne);
            write_pattern(*device, 1, 0, 2 * kChunk);
            device->flush();
            device->discard(0, kChunk);
            device->flush();
        }
        harness.reopen();
        const auto device = open(harness.pool(), kOne);
        CHECK(holds_zeros(*device, 0, kChunk));
        CHECK(holds_pattern(*device, 1, kChunk, kChunk));
        CHECK(harness.pool().status().data.used == 1);
    }

    TEST_CASE_TEMPLATE(
        "zeros written over whole and part chunks read as zeros", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, 6 * kChunk);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        const auto device = open(pool, kOne);
        device->write_zeros(100, 50);
        device->write_zeros(kChunk - 10, 20);
        device->write_zeros(2 * kChunk + 5, 3 * kChunk);
        device->write_zeros(10 * kChunk + 1, 100); // never written before
        CHECK(holds_pattern(*device, 1, 0, 100));
        CHECK(holds_zeros(*device, 100, 50));
        CHECK(holds_pattern(*device, 1, 150, kChunk - 160));
        CHECK(holds_zeros(*device, kChunk - 10, 20));
        CHECK(holds_pattern(*device, 1, kChunk + 10, kChunk - 5));
        CHECK(holds_zeros(*device, 2 * kChunk + 5, 3 * kChunk));
        CHECK(holds_pattern(*device, 1, 5 * kChunk + 5, kChunk - 5));
        CHECK(holds_zeros(*device, 10 * kChunk, kChunk));
        CHECK(holds_pattern(*open(pool, kTwo), 1, 0, 6 * kChunk));
    }

    TEST_CASE_TEMPLATE("zeros over zeros take no chunk", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, kChunk / 2);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        const auto device = open(pool, kTwo);
        device->write_zeros(kChunk / 2, kChunk); // half of a shared chunk, half of an unmapped
        device->write_zeros(kChunk - 100, 9 * kChunk); // unmapped between two parts
        CHECK(used_chunks(pool) == 1);
        CHECK(holds_pattern(*device, 1, 0, kChunk / 2));
        CHECK(holds_zeros(*device, kChunk / 2, 10 * kChunk));
        device->write_zeros(kChunk / 2 - 1, 1);
        CHECK(used_chunks(pool) == 2); // one byte was not zero: now the chunk is its own
        CHECK(holds_pattern(*open(pool, kOne), 1, 0, kChunk / 2));
    }
}

} // namespace thinsnap::test
