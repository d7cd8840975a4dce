#include <memory>
#include <vector>

#include "support/pool_model.hpp"
#include "support/random.hpp"

#include "conformance/drivers.hpp"

namespace thinsnap::test {

namespace {

/// One device with `chunks` chunks of pattern 1, and `sharers - 1` snapshots of it: ids 1, 2, ...
template <class Harness>
void make_sharers(Harness& harness, std::uint32_t sharers, std::uint64_t chunks) {
    ThinPool& pool = harness.pool();
    apply_all(pool, {CreateThin{kOne}});
    write_pattern(*open(pool, kOne), 1, 0, chunks * kChunk);
    std::vector<PoolOperation> snapshots;
    for (std::uint32_t i = 2; i <= sharers; ++i)
        snapshots.emplace_back(CreateSnapshot{DeviceId(i), DeviceId(i - 1)});
    apply_all(pool, snapshots);
}

} // namespace

TEST_SUITE("pool.snapshot") {
    TEST_CASE_TEMPLATE(
        "a snapshot takes no data space and holds what its origin held", Harness, POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 2, 20);
        CHECK(used_chunks(harness.pool()) == 20);
        CHECK(holds_pattern(*open(harness.pool(), kTwo), 1, 0, 20 * kChunk));
        CHECK(device_info(harness.pool(), kTwo)->mapped_chunks == 20);
    }

    TEST_CASE_TEMPLATE(
        "origin and snapshot do not see each other's writes", Harness, POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 2, 3);
        const auto origin = open(harness.pool(), kOne);
        const auto snapshot = open(harness.pool(), kTwo);
        write_pattern(*origin, 2, 1000, 2000);
        write_pattern(*snapshot, 3, kChunk + 1000, 2000);
        write_pattern(*origin, 4, 5 * kChunk, 100);
        CHECK(holds_pattern(*snapshot, 1, 0, kChunk + 1000));
        CHECK(holds_pattern(*snapshot, 1, kChunk + 3000, 2 * kChunk - 3000));
        CHECK(holds_zeros(*snapshot, 3 * kChunk, 4 * kChunk));
        CHECK(holds_pattern(*origin, 1, 0, 1000));
        CHECK(holds_pattern(*origin, 2, 1000, 2000));
        CHECK(holds_pattern(*origin, 1, 3000, 3 * kChunk - 3000));
        CHECK(used_chunks(harness.pool()) == 3 + 2 + 1);
    }

    TEST_CASE_TEMPLATE("what was allocated has its content and chunks that no write takes anew",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 2, 3);
        const auto snapshot = open(harness.pool(), kTwo);
        snapshot->allocate(kChunk + 4096,
                           4 * kChunk - 4096); // two shared chunks and two empty ones
        CHECK(used_chunks(harness.pool()) == 3 + 4);
        CHECK(holds_pattern(*snapshot, 1, 0, 3 * kChunk));
        CHECK(holds_zeros(*snapshot, 3 * kChunk, 2 * kChunk));
        write_pattern(*snapshot, 2, kChunk, 4 * kChunk);
        CHECK(used_chunks(harness.pool()) == 3 + 4);
        CHECK(holds_pattern(*open(harness.pool(), kOne), 1, 0, 3 * kChunk));
        snapshot->allocate(kChunk, 0);
        write_pattern(*snapshot, 2, 0, 100);
        CHECK(used_chunks(harness.pool()) == 3 + 5);
    }

    TEST_CASE_TEMPLATE("an open origin's writes before the snapshot are in it without a flush",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto origin = open(pool, kOne);
        for (std::uint32_t i = 0; i < 10; ++i) {
            write_pattern(*origin, i, 0, 2 * kChunk);
            apply_all(pool, {CreateSnapshot{DeviceId(100 + i), kOne}});
        }
        for (std::uint32_t i = 0; i < 10; ++i)
            CHECK(holds_pattern(*open(pool, DeviceId(100 + i)), i, 0, 2 * kChunk));
    }

    TEST_CASE_TEMPLATE("n sharers that all write a chunk cost n-1 copies", Harness, POOL_DRIVERS) {
        for (std::uint32_t sharers = 2; sharers <= 8; sharers += 2)
            for (std::uint32_t first = 1; first <= sharers; ++first) {
                Harness harness;
                make_sharers(harness, sharers, 1);
                for (std::uint32_t i = 0; i < sharers; ++i) { // in an order that starts anywhere
                    const DeviceId id(1 + (first - 1 + i) % sharers);
                    write_pattern(*open(harness.pool(), id), 10 + id.value(), 4096, 4096);
                    CHECK(used_chunks(harness.pool()) == std::min(i + 2, sharers));
                }
                for (std::uint32_t i = 1; i <= sharers; ++i) {
                    const auto device = open(harness.pool(), DeviceId(i));
                    CHECK(holds_pattern(*device, 10 + i, 4096, 4096));
                    CHECK(holds_pattern(*device, 1, 8192, kChunk - 8192));
                }
            }
    }

    TEST_CASE_TEMPLATE(
        "n sharers cost n-1 copies without a commit between", Harness, POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 6, 4);
        for (std::uint32_t i = 1; i <= 6; ++i)
            write_pattern(*open(harness.pool(), DeviceId(i)), i, 100, 4 * kChunk - 200);
        CHECK(used_chunks(harness.pool()) == 6 * 4);
        for (std::uint32_t i = 1; i <= 6; ++i)
            CHECK(holds_pattern(*open(harness.pool(), DeviceId(i)), i, 100, 4 * kChunk - 200));
    }

    TEST_CASE_TEMPLATE("overwriting all of a device and of its snapshot takes twice the space",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 2, 50);
        write_pattern(*open(harness.pool(), kOne), 2, 0, 50 * kChunk);
        CHECK(used_chunks(harness.pool()) == 100);
        write_pattern(*open(harness.pool(), kTwo), 3, 0, 50 * kChunk);
        CHECK(used_chunks(harness.pool()) == 100);
        CHECK(holds_pattern(*open(harness.pool(), kOne), 2, 0, 50 * kChunk));
        CHECK(holds_pattern(*open(harness.pool(), kTwo), 3, 0, 50 * kChunk));
    }

    TEST_CASE_TEMPLATE("a write that covers a shared chunk copies nothing", Harness, POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 2, 10);
        const auto device = open(harness.pool(), kOne);
        const std::uint64_t read = harness.data().bytes_read();
        const std::uint64_t written = harness.data().bytes_written();
        write_pattern(*device, 2, 0, 10 * kChunk);
        CHECK(harness.data().bytes_read() == read);
        CHECK(harness.data().bytes_written() == written + 10 * kChunk);
    }

    TEST_CASE_TEMPLATE("counts over the border of the overflow tree and back lose nothing",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness;
        make_sharers(harness, 6, 3);
        ThinPool& pool = harness.pool();
        for (std::uint32_t i = 1; i <= 6; ++i) // private leaves, so that data counts go to 6
            write_pattern(*open(pool, DeviceId(i)), i, 10 * kChunk, 100);
        CHECK(used_chunks(pool) == 3 + 6);
        for (std::uint32_t i = 1; i < 6; ++i) {
            apply_all(pool, {DeleteDevice{DeviceId(i)}});
            CHECK(pool.status().data.used == 3 + 6 - i);
            CHECK(holds_pattern(*open(pool, DeviceId(6)), 1, 0, 3 * kChunk));
        }
        write_pattern(*open(pool, DeviceId(6)), 9, 0, 3 * kChunk);
        CHECK(used_chunks(pool) == 3 + 1);
    }

    TEST_CASE_TEMPLATE(
        "a hundred generations of snapshots each keep their own bytes", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 400});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{DeviceId(0)}});
        for (std::uint32_t i = 0; i < 100; ++i) {
            write_pattern(*open(pool, DeviceId(i)), i, i % 4 * kChunk + 4096, 4096);
            apply_all(pool, {CreateSnapshot{DeviceId(i + 1), DeviceId(i)}});
        }
        for (std::uint32_t i = 4; i < 100; i += 7) {
            const auto device = open(pool, DeviceId(i));
            for (std::uint32_t k = i - 3; k <= i; ++k)
                CHECK(holds_pattern(*device, k, k % 4 * kChunk + 4096, 4096));
        }
        CHECK(used_chunks(pool) == 100);
    }

    TEST_CASE_TEMPLATE(
        "a thousand snapshots of one device take no data space", Harness, POOL_DRIVERS) {
        Harness harness({.metadata_bytes = 16U << 20U});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{DeviceId(0)}});
        write_pattern(*open(pool, DeviceId(0)), 1, 0, 10 * kChunk);
        std::vector<PoolOperation> snapshots;
        for (std::uint32_t i = 1; i <= 1000; ++i)
            snapshots.emplace_back(CreateSnapshot{DeviceId(i), DeviceId(0)});
        apply_all(pool, snapshots);
        CHECK(pool.status().data.used == 10);
        CHECK(holds_pattern(*open(pool, DeviceId(777)), 1, 0, 10 * kChunk));
        std::vector<PoolOperation> remove;
        for (std::uint32_t i = 0; i < 1000; ++i)
            remove.emplace_back(DeleteDevice{DeviceId(i)});
        apply_all(pool, remove);
        write_pattern(*open(pool, DeviceId(1000)), 2, 0, 10 * kChunk); // alone now
        CHECK(used_chunks(pool) == 10);
    }

    TEST_CASE_TEMPLATE("all versions of a device that is stamped at random keep their bytes",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness({.data_chunks = 1500});
        ThinPool& pool = harness.pool();
        PoolModel model(kChunk);
        Random random(17);
        const std::uint64_t size = 3U << 20U;
        const auto stamp = [&](DeviceId id) {
            const auto device = open(pool, id);
            for (int i = 0; i < 10; ++i) {
                const std::uint64_t length = 1 + random.below(40000);
                const std::uint64_t offset = random.below(size - length);
                const auto bytes = pattern(random.next(), offset, length);
                device->write(offset, bytes);
                model.write(id, offset, bytes);
            }
        };
        apply_all(pool, {CreateThin{DeviceId(0)}});
        model.create(DeviceId(0));
        for (std::uint32_t i = 1; i < 20; ++i) {
            stamp(DeviceId(0));
            apply_all(pool, {CreateSnapshot{DeviceId(i), DeviceId(0)}});
            model.snapshot(DeviceId(i), DeviceId(0));
            stamp(DeviceId(static_cast<std::uint32_t>(random.below(i))));
        }
        CHECK(used_chunks(pool) == model.used_chunks());
        std::vector<std::byte> actual(size);
        std::vector<std::byte> expected(size);
        for (const DeviceId id : model.devices()) {
            open(pool, id)->read(0, actual);
            model.content(id).read(0, expected);
            CHECK((actual == expected));
        }
    }
}

} // namespace thinsnap::test
