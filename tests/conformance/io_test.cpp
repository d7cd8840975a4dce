#include <array>
#include <vector>

#include "support/random.hpp"
#include "support/sparse_bytes.hpp"

#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.io") {
    TEST_CASE_TEMPLATE("any offset and length is written and read", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto device = open(harness.pool(), kOne);
        SparseBytes model(16U << 20U);
        Random random(11);
        for (int i = 0; i < 300; ++i) {
            const std::uint64_t length = 1 + random.below(random.one_in(5) ? 300000 : 5000);
            const std::uint64_t offset = random.below((4U << 20U) - length);
            const auto bytes = pattern(random.next(), offset, length);
            device->write(offset, bytes);
            model.write(offset, bytes);
            const std::uint64_t n = random.below(100000);
            const std::uint64_t at = random.below((4U << 20U) - n);
            std::vector<std::byte> actual(n);
            std::vector<std::byte> expected(n);
            device->read(at, actual);
            model.read(at, expected);
            REQUIRE((actual == expected));
        }
    }

    TEST_CASE_TEMPLATE(
        "the borders of chunks and blocks are nobody's borders", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto device = open(harness.pool(), kOne);
        for (const std::uint64_t border : {std::uint64_t{4096}, kChunk, 5 * kChunk})
            for (std::uint64_t before = 0; before < 3; ++before)
                for (std::uint64_t length = 1; length < 5; ++length) {
                    write_pattern(*device, length, border - before, length);
                    CHECK(holds_pattern(*device, length, border - before, length));
                }
    }

    TEST_CASE_TEMPLATE("access behind the end of a device is refused", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto device = harness.pool().open_device(kOne, {.size = 10000});
        CHECK(device->size() == 10000);
        std::vector<std::byte> two(2);
        CHECK(failure_of([&] { device->read(9999, two); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->write(9999, two); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->read(UINT64_MAX, two); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->write(UINT64_MAX - 1, two); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->write_zeros(9999, 2); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->write_zeros(1, UINT64_MAX); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { device->write(9998, two); }) == std::nullopt);
        CHECK(failure_of([&] { device->read(10000, {}); }) == std::nullopt);
        CHECK(failure_of([&] { device->write(10000, {}); }) == std::nullopt);
        CHECK(used_chunks(harness.pool()) == 1);
    }

    TEST_CASE_TEMPLATE(
        "the far end of a large device is used like the near one", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto device = harness.pool().open_device(kOne, {});
        const std::uint64_t end = device->size();
        CHECK(end == std::uint64_t{1} << 62U);
        write_pattern(*device, 1, end - 5000, 5000);
        write_pattern(*device, 2, 0, 5000);
        CHECK(holds_pattern(*device, 1, end - 5000, 5000));
        CHECK(holds_pattern(*device, 2, 0, 5000));
        CHECK(used_chunks(harness.pool()) == 2);
        device->discard(0, end);
        CHECK(holds_zeros(*device, end - 5000, 5000));
        CHECK(used_chunks(harness.pool()) == 0);
    }

    TEST_CASE_TEMPLATE("all handles of a device are one device", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto first = open(harness.pool(), kOne);
        const auto second = harness.pool().open_device(kOne, {.size = 1U << 20U});
        write_pattern(*first, 1, 0, 5000);
        CHECK(holds_pattern(*second, 1, 0, 5000));
        write_pattern(*second, 2, 100, 100);
        CHECK(holds_pattern(*first, 2, 100, 100));
        first->discard(0, kChunk);
        CHECK(holds_zeros(*second, 0, kChunk));
    }

    TEST_CASE_TEMPLATE("a handle for reading only refuses changes", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        write_pattern(*open(harness.pool(), kOne), 1, 0, 5000);
        const auto device = harness.pool().open_device(kOne, {.read_only = true});
        CHECK(failure_of([&] { write_pattern(*device, 2, 0, 10); }) == Errc::read_only);
        CHECK(failure_of([&] { device->discard(0, kChunk); }) == Errc::read_only);
        CHECK(failure_of([&] { device->write_zeros(0, 10); }) == Errc::read_only);
        CHECK(holds_pattern(*device, 1, 0, 5000));
        CHECK(failure_of([&] { device->flush(); }) == std::nullopt);
    }

    TEST_CASE_TEMPLATE("a device that is not there cannot be opened", Harness, POOL_DRIVERS) {
        Harness harness;
        CHECK(failure_of([&] { static_cast<void>(open(harness.pool(), kOne)); }) ==
              Errc::not_found);
        CHECK(failure_of([&] { static_cast<void>(open(harness.pool(), DeviceId(UINT32_MAX))); }) ==
              Errc::not_found);
    }

    TEST_CASE_TEMPLATE("gathered pieces are written behind one another", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        const auto device = open(harness.pool(), kOne);
        const auto bytes = pattern(1, 60000, 30000);
        const std::span all(bytes);
        const std::array<std::span<const std::byte>, 3> pieces{
            all.first(1), all.subspan(1, 20000), all.subspan(20001)};
        device->write_gather(60000, pieces);
        CHECK(holds_pattern(*device, 1, 60000, 30000));
    }
}

} // namespace thinsnap::test
