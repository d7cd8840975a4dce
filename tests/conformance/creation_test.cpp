#include <vector>

#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.creation") {
    TEST_CASE_TEMPLATE("a new pool is empty and writable", Harness, POOL_DRIVERS) {
        Harness harness;
        const PoolStatus status = harness.pool().status();
        CHECK(status.mode == PoolMode::write);
        CHECK(status.reason.empty());
        CHECK_FALSE(status.needs_check);
        CHECK(status.transaction_id == TransactionId(0));
        CHECK(status.chunk_size == kChunk);
        CHECK(harness.pool().chunk_size() == kChunk);
        CHECK(status.data.used == 0);
        CHECK(status.data.total == harness.shape().data_chunks);
        CHECK(status.metadata.used > 0);
        CHECK(status.devices == 0);
        CHECK_FALSE(status.held_root.has_value());
        CHECK(device_ids(harness.pool()).empty());
    }

    TEST_CASE_TEMPLATE("a new device is empty and takes no data space", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        CHECK(used_chunks(harness.pool()) == 0);
        CHECK(holds_zeros(*open(harness.pool(), kOne), 0, 4U << 20U));
        const auto info = device_info(harness.pool(), kOne);
        REQUIRE(info.has_value());
        CHECK(info->mapped_chunks == 0);
        CHECK(info->id == kOne);
    }

    TEST_CASE_TEMPLATE("device ids go from 0 to 2^24-1", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{DeviceId(0)}, CreateThin{kMaxDeviceId}});
        CHECK(device_ids(pool) == std::vector{DeviceId(0), kMaxDeviceId});
        write_pattern(*open(pool, DeviceId(0)), 1, 0, 4096);
        write_pattern(*open(pool, kMaxDeviceId), 2, 0, 4096);
        CHECK(holds_pattern(*open(pool, DeviceId(0)), 1, 0, 4096));
        CHECK(holds_pattern(*open(pool, kMaxDeviceId), 2, 0, 4096));
        const DeviceId too_large(kMaxDeviceId.value() + 1);
        CHECK(failure_of([&] { apply_all(pool, {CreateThin{too_large}}); }) ==
              Errc::invalid_argument);
        CHECK(failure_of([&] {
                  apply_all(pool, {CreateSnapshot{too_large, DeviceId(0)}});
              }) == Errc::invalid_argument);
    }

    TEST_CASE_TEMPLATE("an id that is taken is refused", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{kTwo}});
        CHECK(failure_of([&] { apply_all(pool, {CreateThin{kOne}}); }) == Errc::already_exists);
        CHECK(failure_of([&] {
                  apply_all(pool, {CreateSnapshot{kOne, kTwo}});
              }) == Errc::already_exists);
        CHECK(device_ids(pool).size() == 2);
    }

    TEST_CASE_TEMPLATE("a thousand empty devices are made in one batch", Harness, POOL_DRIVERS) {
        Harness harness({.metadata_bytes = 16U << 20U});
        std::vector<PoolOperation> batch;
        for (std::uint32_t i = 1000; i-- > 0;)
            batch.emplace_back(CreateThin{DeviceId(i)});
        apply_all(harness.pool(), batch);
        const auto ids = device_ids(harness.pool());
        REQUIRE(ids.size() == 1000);
        for (std::uint32_t i = 0; i < 1000; ++i)
            REQUIRE(ids[i] == DeviceId(i)); // ascending
        CHECK(harness.pool().status().devices == 1000);
        CHECK(used_chunks(harness.pool()) == 0);
    }

    TEST_CASE_TEMPLATE("a device knows when it was made", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        apply_all(pool, {CreateSnapshot{kTwo, kOne}});
        apply_all(pool, {CreateSnapshot{kThree, kOne}});
        const auto origin = device_info(pool, kOne);
        const auto first = device_info(pool, kTwo);
        const auto second = device_info(pool, kThree);
        CHECK(origin->transaction_id == TransactionId(0));
        CHECK(first->transaction_id == TransactionId(1));
        CHECK(second->transaction_id == TransactionId(2));
        CHECK(first->creation_time == 1);
        CHECK(second->creation_time == 2);
        CHECK(origin->creation_time == 0);
        CHECK(origin->snapshotted_time == 2);
        CHECK(first->snapshotted_time == 1);
    }

    TEST_CASE_TEMPLATE("chunks of other sizes work alike", Harness, POOL_DRIVERS) {
        const std::uint64_t size = 192U << 10U; // no power of two
        Harness harness({.chunk_size = size, .data_chunks = 20});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = open(pool, kOne);
        write_pattern(*device, 1, size - 5000, 10000);
        CHECK(holds_pattern(*device, 1, size - 5000, 10000));
        CHECK(holds_zeros(*device, 0, size - 5000));
        CHECK(holds_zeros(*device, size + 5000, size - 5000));
        CHECK(used_chunks(pool) == 2);
    }

    TEST_CASE_TEMPLATE(
        "the largest chunk is filled with zeros around a small write", Harness, POOL_DRIVERS) {
        const std::uint64_t size = Harness::kPromises.stores_no_zeros ? 1U << 30U : 64U << 20U;
        Harness harness({.chunk_size = size, .data_chunks = 2});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const auto device = pool.open_device(kOne, {});
        write_pattern(*device, 1, size / 2 + 10, 100);
        CHECK(holds_pattern(*device, 1, size / 2 + 10, 100));
        CHECK(holds_zeros(*device, 0, 4096));
        CHECK(holds_zeros(*device, size / 2 - (1U << 20U), 1U << 20U));
        CHECK(holds_zeros(*device, size - 4096, 8192));
        CHECK(used_chunks(pool) == 1);
    }
}

} // namespace thinsnap::test
