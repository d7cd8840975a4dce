#include <string>
#include <vector>

#include "conformance/drivers.hpp"

namespace thinsnap::test {

namespace {

/// The batch is refused with that kind, and nothing has changed.
void require_refused(ThinPool& pool, Errc kind, const std::vector<PoolOperation>& batch) {
    const auto before = device_ids(pool);
    const PoolStatus status = pool.status();
    CHECK(failure_of([&] { apply_all(pool, batch); }) == kind);
    CHECK(device_ids(pool) == before);
    CHECK(pool.status().transaction_id == status.transaction_id);
    CHECK(pool.status().mode == status.mode);
    CHECK(pool.status().data.used == status.data.used);
}

} // namespace

TEST_SUITE("pool.transaction") {
    TEST_CASE_TEMPLATE("the transaction id moves where it is told", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        pool.apply({}, TransactionId(0), TransactionId(7));
        CHECK(pool.status().transaction_id == TransactionId(7));
        pool.apply({}, TransactionId(7), TransactionId(UINT64_MAX));
        harness.reopen();
        CHECK(harness.pool().status().transaction_id == TransactionId(UINT64_MAX));
        harness.pool().apply({}, TransactionId(UINT64_MAX), TransactionId(3));
        CHECK(harness.pool().status().transaction_id == TransactionId(3));
        harness.pool().apply({}, TransactionId(3), TransactionId(3));
        CHECK(harness.pool().status().transaction_id == TransactionId(3));
    }

    TEST_CASE_TEMPLATE(
        "a wrong transaction id changes nothing and names both", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        pool.apply({}, TransactionId(0), TransactionId(1234));
        const std::vector<PoolOperation> batch{CreateThin{kOne}};
        const auto apply = [&] { pool.apply(batch, TransactionId(5678), TransactionId(5679)); };
        CHECK(failure_of(apply) == Errc::precondition);
        CHECK(message_of(apply).find("1234") != std::string::npos);
        CHECK(message_of(apply).find("5678") != std::string::npos);
        CHECK(device_ids(pool).empty());
        CHECK(pool.status().transaction_id == TransactionId(1234));
    }

    TEST_CASE_TEMPLATE("a batch is done in its order", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{DeviceId(9)}});
        write_pattern(*open(pool, kOne), 1, 0, kChunk);
        apply_all(pool,
                  {CreateSnapshot{kTwo, kOne},
                   CreateSnapshot{kThree, kTwo},
                   CreateThin{DeviceId(4)},
                   CreateSnapshot{DeviceId(5), DeviceId(4)},
                   DeleteDevice{DeviceId(9)}});
        CHECK(device_ids(pool) == std::vector{kOne, kTwo, kThree, DeviceId(4), DeviceId(5)});
        CHECK(holds_pattern(*open(pool, kThree), 1, 0, kChunk));
        CHECK(holds_zeros(*open(pool, DeviceId(5)), 0, kChunk));
    }

    TEST_CASE_TEMPLATE(
        "a batch with one bad operation is refused as a whole", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{kTwo}});
        write_pattern(*open(pool, kOne), 1, 0, 2 * kChunk);
        pool.commit();
        require_refused(
            pool, Errc::already_exists, {CreateThin{DeviceId(5)}, CreateSnapshot{kTwo, kOne}});
        require_refused(pool, Errc::not_found, {DeleteDevice{kOne}, DeleteDevice{DeviceId(77)}});
        require_refused(pool,
                        Errc::not_found,
                        {CreateThin{DeviceId(5)}, CreateSnapshot{DeviceId(6), DeviceId(77)}});
        require_refused(
            pool, Errc::invalid_argument, {DeleteDevice{kTwo}, CreateThin{DeviceId(1U << 24U)}});
        const auto held = open(pool, kTwo);
        require_refused(pool, Errc::busy, {DeleteDevice{kOne}, DeleteDevice{kTwo}});
        CHECK(holds_pattern(*open(pool, kOne), 1, 0, 2 * kChunk));
    }

    TEST_CASE_TEMPLATE(
        "an id may be named twice only as an origin after it was made", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        const DeviceId fresh(5);
        require_refused(pool, Errc::invalid_argument, {CreateThin{fresh}, CreateThin{fresh}});
        require_refused(pool, Errc::invalid_argument, {DeleteDevice{kOne}, DeleteDevice{kOne}});
        require_refused(pool, Errc::invalid_argument, {CreateThin{fresh}, DeleteDevice{fresh}});
        require_refused(pool, Errc::invalid_argument, {DeleteDevice{kOne}, CreateThin{kOne}});
        CHECK(failure_of([&] {
                  apply_all(pool, {CreateSnapshot{fresh, DeviceId(6)}, CreateThin{DeviceId(6)}});
              }).has_value()); // an origin before it is made
        CHECK(device_ids(pool) == std::vector{kOne});
        apply_all(pool,
                  {CreateThin{fresh},
                   CreateSnapshot{DeviceId(6), fresh},
                   CreateSnapshot{DeviceId(7), fresh}});
        CHECK(device_ids(pool).size() == 4);
    }

    TEST_CASE_TEMPLATE(
        "what was applied is there after it is opened again", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        apply_all(harness.pool(), {CreateSnapshot{kTwo, kOne}, CreateThin{kThree}});
        harness.reopen();
        CHECK(device_ids(harness.pool()) == std::vector{kOne, kTwo, kThree});
        CHECK(harness.pool().status().transaction_id == TransactionId(2));
        CHECK(device_info(harness.pool(), kOne)->snapshotted_time == 1);
    }
}

} // namespace thinsnap::test
