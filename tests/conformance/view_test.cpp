#include <vector>

#include "support/pool_model.hpp"
#include "support/random.hpp"

#include "conformance/drivers.hpp"

namespace thinsnap::test {

namespace {

std::vector<MappedRun> mappings(ReadView& view, DeviceId id, std::uint64_t from = 0) {
    std::vector<MappedRun> runs;
    view.for_each_mapping(id, VirtualChunk(from), [&](const MappedRun& run) {
        runs.push_back(run);
        return true;
    });
    return runs;
}

std::uint64_t chunks_in(const std::vector<MappedRun>& runs) {
    std::uint64_t chunks = 0;
    for (const MappedRun& run : runs)
        chunks += run.length;
    return chunks;
}

std::vector<DiffRun> diff_of(ReadView& view, DeviceId left, DeviceId right) {
    std::vector<DiffRun> runs;
    view.diff(left, right, [&](const DiffRun& run) { runs.push_back(run); });
    return runs;
}

void require_equal(const std::vector<DiffRun>& seen, const std::vector<DiffRun>& expected) {
    REQUIRE(seen.size() == expected.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
        CHECK(seen[i].begin == expected[i].begin);
        CHECK(seen[i].length == expected[i].length);
        CHECK(seen[i].kind == expected[i].kind);
    }
}

} // namespace

TEST_SUITE("pool.view") {
    TEST_CASE_TEMPLATE("a view is not disturbed by what happens later", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 600});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{kTwo}});
        write_pattern(*open(pool, kOne), 1, 0, 50 * kChunk);
        apply_all(pool, {CreateSnapshot{kThree, kOne}});
        const auto view = pool.read_view();
        const auto before = mappings(*view, kOne);

        apply_all(pool, {DeleteDevice{kTwo}, DeleteDevice{kThree}});
        for (std::uint64_t round = 0; round < 20; ++round) { // much metadata is freed and reused
            const auto device = open(pool, kOne);
            write_pattern(*device, 2, 0, 50 * kChunk);
            device->discard(0, 40 * kChunk);
            apply_all(pool, {CreateSnapshot{DeviceId(100), kOne}});
            apply_all(pool, {DeleteDevice{DeviceId(100)}});
        }

        std::vector<DeviceId> seen;
        view->for_each_device([&](const DeviceInfo& info) { seen.push_back(info.id); });
        CHECK(seen == std::vector{kOne, kTwo, kThree});
        CHECK(view->transaction_id() == TransactionId(2));
        CHECK(view->find_device(kThree)->mapped_chunks == 50);
        CHECK(view->usage(kThree).mapped_chunks == 50);
        CHECK(diff_of(*view, kOne, kThree).empty());
        const auto after = mappings(*view, kOne);
        REQUIRE(after.size() == before.size());
        for (std::size_t i = 0; i < after.size(); ++i) {
            CHECK(after[i].data_begin == before[i].data_begin);
            CHECK(after[i].length == before[i].length);
        }
    }

    TEST_CASE_TEMPLATE(
        "a view shows what was written before it without a flush", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, 0, 3 * kChunk);
        const auto view = pool.read_view();
        write_pattern(*device, 1, 5 * kChunk, kChunk);
        CHECK(view->find_device(kOne)->mapped_chunks == 3);
        CHECK(chunks_in(mappings(*view, kOne)) == 3);
        CHECK(chunks_in(mappings(*pool.read_view(), kOne)) == 4);
    }

    TEST_CASE_TEMPLATE(
        "mappings come as runs from any chunk on until the visitor stops", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, 10 * kChunk, 5 * kChunk);
        write_pattern(*device, 1, 20 * kChunk, 3 * kChunk);
        const auto view = pool.read_view();
        const auto runs = mappings(*view, kOne);
        REQUIRE(runs.size() == 2);
        CHECK(runs[0].begin == VirtualChunk(10));
        CHECK(runs[0].length == 5);
        CHECK(runs[1].begin == VirtualChunk(20));
        CHECK(runs[1].length == 3);
        CHECK(chunks_in(mappings(*view, kOne, 12)) == 6);
        CHECK(chunks_in(mappings(*view, kOne, 15)) == 3);
        CHECK(mappings(*view, kOne, 23).empty());
        int calls = 0;
        view->for_each_mapping(kOne, {}, [&](const MappedRun&) { return ++calls < 1; });
        CHECK(calls == 1);
    }

    TEST_CASE_TEMPLATE("a view of a device that is not there is an error", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto view = harness.pool().read_view();
        CHECK_FALSE(view->find_device(kTwo).has_value());
        CHECK(failure_of([&] { static_cast<void>(view->usage(kTwo)); }) == Errc::not_found);
        CHECK(failure_of([&] { static_cast<void>(mappings(*view, kTwo)); }) == Errc::not_found);
        CHECK(failure_of([&] { static_cast<void>(diff_of(*view, kOne, kTwo)); }) ==
              Errc::not_found);
        CHECK(failure_of([&] { static_cast<void>(diff_of(*view, kTwo, kOne)); }) ==
              Errc::not_found);
    }

    TEST_CASE_TEMPLATE("usage tells own chunks from shared ones", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, 10 * kChunk);
        CHECK(pool.read_view()->usage(kOne).exclusive_chunks == 10);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        CHECK(pool.read_view()->usage(kOne).exclusive_chunks == 0);
        CHECK(pool.read_view()->usage(kOne).shared_chunks() == 10);
        write_pattern(*open(pool, kTwo), 2, 0, 3 * kChunk);
        write_pattern(*open(pool, kTwo), 2, 20 * kChunk, kChunk);
        CHECK(pool.read_view()->usage(kOne).exclusive_chunks == 3);
        CHECK(pool.read_view()->usage(kTwo).exclusive_chunks == 4);
        CHECK(pool.read_view()->usage(kTwo).mapped_chunks == 11);
        open(pool, kOne)->discard(0, 5 * kChunk);
        CHECK(pool.read_view()->usage(kOne).exclusive_chunks == 0);
        CHECK(pool.read_view()->usage(kOne).mapped_chunks == 5);
        CHECK(pool.read_view()->usage(kTwo).exclusive_chunks == 6);
    }

    TEST_CASE_TEMPLATE("a diff names what one side has and what differs", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, 20 * kChunk);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        CHECK(diff_of(*pool.read_view(), kOne, kTwo).empty());
        CHECK(diff_of(*pool.read_view(), kOne, kOne).empty());
        open(pool, kTwo)->discard(2 * kChunk, 3 * kChunk);
        write_pattern(*open(pool, kTwo), 2, 5 * kChunk, 2 * kChunk);
        write_pattern(*open(pool, kTwo), 2, 30 * kChunk, kChunk);
        require_equal(diff_of(*pool.read_view(), kOne, kTwo),
                      {{VirtualChunk(2), 3, DiffKind::left_only},
                       {VirtualChunk(5), 2, DiffKind::different},
                       {VirtualChunk(30), 1, DiffKind::right_only}});
        require_equal(diff_of(*pool.read_view(), kTwo, kOne),
                      {{VirtualChunk(2), 3, DiffKind::right_only},
                       {VirtualChunk(5), 2, DiffKind::different},
                       {VirtualChunk(30), 1, DiffKind::left_only}});
    }

    TEST_CASE_TEMPLATE(
        "a small difference of large devices is found by few reads", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 12000, .metadata_bytes = 16U << 20U});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        {
            const auto device = pool.open_device(kOne, {});
            const std::vector<std::byte> zeros(100 * kChunk); // take no memory here
            const std::uint64_t chunks = Harness::kPromises.stores_no_zeros ? 10000 : 4000;
            for (std::uint64_t chunk = 0; chunk < chunks; chunk += 100)
                device->write(chunk * kChunk, zeros);
        }
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        write_pattern(*pool.open_device(kTwo, {}), 2, 2000 * kChunk, kChunk);
        pool.commit();
        harness.reopen(); // an empty cache: every node looked at is a read
        const auto view = harness.pool().read_view();
        const std::uint64_t before = harness.metadata().bytes_read();
        require_equal(diff_of(*view, kOne, kTwo), {{VirtualChunk(2000), 1, DiffKind::different}});
        CHECK(harness.metadata().bytes_read() - before < 20 * 4096);
    }

    TEST_CASE_TEMPLATE(
        "usage and diff of random devices agree with a model", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 3000});
        ThinPool& pool = harness.pool();
        PoolModel model(kChunk);
        Random random(23);
        apply_all(pool, {CreateThin{DeviceId(0)}});
        model.create(DeviceId(0));
        for (std::uint32_t i = 1; i < 12; ++i) {
            const auto origin = DeviceId(static_cast<std::uint32_t>(random.below(i)));
            apply_all(pool, {CreateSnapshot{DeviceId(i), origin}});
            model.snapshot(DeviceId(i), origin);
            for (int k = 0; k < 40; ++k) {
                const auto id = DeviceId(static_cast<std::uint32_t>(random.below(i + 1)));
                const auto device = pool.open_device(id, {});
                const std::uint64_t chunk = random.below(1000);
                if (random.one_in(4)) {
                    device->discard(chunk * kChunk, 20 * kChunk);
                    model.discard(id, chunk * kChunk, 20 * kChunk);
                } else {
                    const auto bytes = pattern(1, 0, 100);
                    device->write(chunk * kChunk, bytes);
                    model.write(id, chunk * kChunk, bytes);
                }
            }
        }
        const auto view = pool.read_view();
        for (const DeviceId left : model.devices()) {
            CHECK(view->usage(left).mapped_chunks == model.usage(left).mapped_chunks);
            CHECK(view->usage(left).exclusive_chunks == model.usage(left).exclusive_chunks);
            for (const DeviceId right : model.devices())
                require_equal(diff_of(*view, left, right), model.diff(left, right));
        }
    }
}

} // namespace thinsnap::test
