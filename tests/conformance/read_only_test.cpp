#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.read_only") {
    TEST_CASE_TEMPLATE(
        "a pool opened for reading reads and writes nothing at all", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        write_pattern(*open(harness.pool(), kOne), 1, 0, 3 * kChunk);
        apply_all(harness.pool(), {CreateSnapshot{kTwo, kOne}});
        harness.reopen_read_only();
        ThinPool& pool = harness.pool();
        const std::uint64_t written =
            harness.metadata().bytes_written() + harness.data().bytes_written();

        CHECK(pool.status().mode == PoolMode::read_only);
        CHECK_FALSE(pool.status().reason.empty());
        CHECK_FALSE(pool.status().needs_check);
        const auto device = open(pool, kOne);
        CHECK(holds_pattern(*device, 1, 0, 3 * kChunk));
        CHECK(holds_zeros(*device, 3 * kChunk, 3 * kChunk));
        CHECK(device_ids(pool).size() == 2);
        CHECK(pool.read_view()->usage(kOne).mapped_chunks == 3);

        CHECK(failure_of([&] { write_pattern(*device, 2, 0, 100); }) == Errc::read_only);
        CHECK(failure_of([&] { write_pattern(*device, 2, 9 * kChunk, kChunk); }) ==
              Errc::read_only);
        CHECK(failure_of([&] { device->discard(0, kChunk); }) == Errc::read_only);
        CHECK(failure_of([&] { apply_all(pool, {CreateThin{kThree}}); }) == Errc::read_only);
        CHECK(failure_of([&] {
                  apply_all(pool, {CreateSnapshot{kThree, kOne}});
              }) == Errc::read_only);
        CHECK(failure_of([&] { apply_all(pool, {DeleteDevice{kTwo}}); }) == Errc::read_only);
        CHECK(failure_of([&] { apply_all(pool, {}); }) == Errc::read_only);
        CHECK(failure_of([&] { pool.grow_data(harness.data().size()); }) == Errc::read_only);
        CHECK(failure_of([&] { device->flush(); }) == std::nullopt);
        CHECK(harness.metadata().bytes_written() + harness.data().bytes_written() == written);
    }
}

} // namespace thinsnap::test
