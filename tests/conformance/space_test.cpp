#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "conformance/drivers.hpp"

namespace thinsnap::test {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Fills the pool's data with device 1, pattern 1.
template <class Harness>
void fill(Harness& harness) {
    apply_all(harness.pool(), {CreateThin{kOne}, CreateThin{kTwo}});
    write_pattern(*open(harness.pool(), kOne), 1, 0, harness.shape().data_chunks * kChunk);
}

std::optional<Errc> write_one_chunk(ThinPool& pool) {
    return failure_of([&] { write_pattern(*open(pool, kTwo), 2, 0, kChunk); });
}

/// Makes devices until the pool makes no more: each takes a metadata block.
void use_up_metadata(ThinPool& pool) {
    std::uint32_t next = 1000;
    for (std::uint32_t batch : {50U, 1U}) {
        std::optional<Errc> failure;
        while (!failure) {
            std::vector<PoolOperation> operations;
            for (std::uint32_t i = 0; i < batch; ++i)
                operations.emplace_back(CreateThin{DeviceId(next + i)});
            failure = failure_of([&] { apply_all(pool, operations); });
            next += failure ? 0 : batch;
        }
        CHECK(failure == Errc::no_space);
        CHECK(pool.status().mode == PoolMode::write);
    }
    CHECK(next > 1100);
}

} // namespace

TEST_SUITE("pool.space") {
    TEST_CASE_TEMPLATE(
        "a full pool refuses new chunks at once and says so", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50});
        fill(harness);
        const auto begin = Clock::now();
        CHECK(write_one_chunk(harness.pool()) == Errc::no_space);
        CHECK(Clock::now() - begin < 5s);
        const PoolStatus status = harness.pool().status();
        CHECK(status.mode == PoolMode::out_of_data_space);
        CHECK(status.reason.find("50") != std::string::npos);
        CHECK(status.data.free() == 0);
        CHECK_FALSE(status.needs_check);
    }

    TEST_CASE_TEMPLATE("a full pool reads and writes what it has", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50});
        fill(harness);
        CHECK(write_one_chunk(harness.pool()) == Errc::no_space);
        {
            const auto device = open(harness.pool(), kOne);
            CHECK(holds_pattern(*device, 1, 0, 50 * kChunk));
            write_pattern(*device, 3, 10 * kChunk, 20 * kChunk);
            CHECK_NOTHROW(device->flush());
        }
        harness.reopen();
        const auto device = open(harness.pool(), kOne);
        CHECK(holds_pattern(*device, 3, 10 * kChunk, 20 * kChunk));
        CHECK(holds_pattern(*device, 1, 30 * kChunk, 20 * kChunk));
        CHECK(holds_zeros(*open(harness.pool(), kTwo), 0, kChunk));
    }

    TEST_CASE_TEMPLATE(
        "a delete or a discard makes a full pool writable again", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50});
        fill(harness);
        CHECK(write_one_chunk(harness.pool()) == Errc::no_space);
        SUBCASE("delete") {
            apply_all(harness.pool(), {DeleteDevice{kOne}});
            CHECK(harness.pool().status().data.used == 0);
        }
        SUBCASE("discard and flush") {
            const auto device = open(harness.pool(), kOne);
            device->discard(0, 50 * kChunk);
            device->flush();
        }
        CHECK(harness.pool().status().mode == PoolMode::write);
        CHECK(harness.pool().status().reason.empty());
        CHECK(write_one_chunk(harness.pool()) == std::nullopt);
    }

    TEST_CASE_TEMPLATE(
        "a writer commits what a discard freed rather than fail", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50});
        fill(harness);
        const auto full = open(harness.pool(), kOne);
        const auto device = open(harness.pool(), kTwo);
        for (std::uint64_t i = 0; i < 50; ++i) {
            full->discard(i * kChunk, kChunk);
            write_pattern(*device, 2, i * kChunk, kChunk);
        }
        CHECK(holds_pattern(*device, 2, 0, 50 * kChunk));
        CHECK(used_chunks(harness.pool()) == 50);
    }

    TEST_CASE_TEMPLATE(
        "breaking sharing in a full pool fails and changes nothing", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50});
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto device = open(harness.pool(), kOne);
        write_pattern(*device, 1, 0, 48 * kChunk);
        apply_all(harness.pool(), {CreateSnapshot{kTwo, kOne}});
        write_pattern(*device, 2, 0, 2 * kChunk);
        CHECK(failure_of([&] { write_pattern(*device, 3, 10 * kChunk, 4096); }) == Errc::no_space);
        CHECK(failure_of([&] { write_pattern(*device, 3, 11 * kChunk, kChunk); }) ==
              Errc::no_space);
        CHECK(holds_pattern(*device, 1, 2 * kChunk, 46 * kChunk));
        CHECK(holds_pattern(*open(harness.pool(), kTwo), 1, 0, 48 * kChunk));
    }

    TEST_CASE_TEMPLATE("a full pool that grows is writable again", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50});
        fill(harness);
        CHECK(write_one_chunk(harness.pool()) == Errc::no_space);
        harness.enlarge_data(60 * kChunk);
        CHECK(write_one_chunk(harness.pool()) == Errc::no_space); // nobody told the pool
        harness.pool().grow_data(60 * kChunk);
        CHECK(harness.pool().status().mode == PoolMode::write);
        CHECK(write_one_chunk(harness.pool()) == std::nullopt);
    }

    TEST_CASE_TEMPLATE(
        "a writer waits for space no longer than it was told", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50, .no_space_wait = 200ms});
        fill(harness);
        const auto begin = Clock::now();
        CHECK(write_one_chunk(harness.pool()) == Errc::no_space);
        CHECK(Clock::now() - begin >= 200ms);
        CHECK(Clock::now() - begin < 20s);
    }

    TEST_CASE_TEMPLATE(
        "new devices are refused below the reserve with the numbers", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 100});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, 99 * kChunk); // the reserve is 2 of 100
        pool.commit();
        const auto make = [&] { apply_all(pool, {CreateThin{kTwo}}); };
        CHECK(failure_of(make) == Errc::no_space);
        CHECK(message_of(make).find("100") != std::string::npos);
        CHECK(failure_of([&] { apply_all(pool, {CreateSnapshot{kTwo, kOne}}); }) == Errc::no_space);
        CHECK(pool.status().mode == PoolMode::write);
        CHECK_NOTHROW(apply_all(pool, {})); // moving the id needs none
        open(pool, kOne)->discard(0, 10 * kChunk);
        pool.commit();
        CHECK_NOTHROW(make());
    }

    TEST_CASE_TEMPLATE("a pool without metadata space reads and deletes and then writes again",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness({.data_chunks = 100000, .metadata_bytes = 2U << 20U});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{kTwo}});
        {
            const auto device = pool.open_device(kOne, {});
            const auto write = [&](std::uint64_t i) { // far apart, so that leaves fill badly
                write_pattern(*device, 1, i * 7919 % 100003 * kChunk, 512);
            };
            std::uint64_t written = 0;
            for (; written < 3000; ++written)
                write(written);
            use_up_metadata(pool);
            std::optional<Errc> failure;
            while (!failure && written < 20000)
                if (!(failure = failure_of([&] { write(written); })))
                    ++written;
            CHECK(failure == Errc::no_space);
            const PoolStatus status = pool.status();
            CHECK(status.mode == PoolMode::read_only);
            CHECK(status.reason.find("metadata") != std::string::npos);
            CHECK_FALSE(status.needs_check);
            for (std::uint64_t i = 0; i < written; i += 97)
                REQUIRE(holds_pattern(*device, 1, i * 7919 % 100003 * kChunk, 512));
            CHECK_NOTHROW(device->flush());
        }
        if constexpr (Harness::kPromises.deletes_without_metadata_space) {
            SUBCASE("delete") {
                apply_all(pool, {DeleteDevice{kOne}});
            }
            SUBCASE("discard and commit") {
                const auto device = pool.open_device(kOne, {});
                device->discard(0, device->size());
                device->flush();
            }
        }
        SUBCASE("grow") {
            harness.enlarge_metadata(4U << 20U);
            pool.grow_metadata(4U << 20U);
        }
        CHECK(pool.status().mode == PoolMode::write);
        CHECK(write_one_chunk(pool) == std::nullopt);
        pool.commit();
        CHECK_FALSE(pool.status().needs_check);
    }
}

} // namespace thinsnap::test
