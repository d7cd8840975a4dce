#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/metadata_check.hpp"
#include "support/sparse_device.hpp"

#include "crash/crash_world.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr DeviceId kOrigin{1};
constexpr DeviceId kSnapshot{2};
constexpr DeviceId kOther{3};

enum class Side { metadata, data };

void make_devices(CrashWorld& world) {
    world.apply({CreateThin{kOrigin}, CreateThin{kOther}});
    world.write(kOrigin, 0, 3 * kChunk);
    world.write(kOther, kChunk + 4096, 20000);
    world.apply({CreateSnapshot{kSnapshot, kOrigin}});
}

/// A bit of everything, so that a failure can hit any kind of step.
void do_everything(CrashWorld& world) {
    world.write(kOther, 2 * kChunk, 5000);
    world.write(kOther, kChunk + 8192, 4096);
    world.flush(kOther);
    world.write(kOrigin, 4096, 3000);
    world.write(kSnapshot, kChunk, kChunk);
    world.flush(kOrigin);
    world.apply({CreateSnapshot{DeviceId(4), kOther}});
    world.discard(kSnapshot, 0, 2 * kChunk);
    world.flush(kSnapshot);
    world.apply({DeleteDevice{kSnapshot}, CreateThin{DeviceId(5)}});
    world.grow_data(60);
    world.grow_metadata(600);
}

FaultyDevice& faults(CrashWorld& world, Side side) {
    return side == Side::metadata ? world.metadata_faults() : world.data_faults();
}

void require_nothing(const std::vector<std::string>& violations) {
    for (const std::string& violation : violations)
        FAIL_CHECK(violation);
}

/// The pool takes no writes, says why, and says so of each attempt.
void require_read_only(CrashWorld& world) {
    const PoolStatus status = world.pool().status();
    CHECK(status.mode == PoolMode::read_only);
    CHECK_FALSE(status.reason.empty());
    const auto id = status.transaction_id;
    CHECK(failure_of([&] { world.pool().apply({}, id, id + 1); }) == Errc::read_only);
    const auto device = world.pool().open_device(kOther, {.size = kSeenBytes});
    CHECK(failure_of([&] { write_pattern(*device, 1, 0, 4096); }) == Errc::read_only);
    CHECK(failure_of([&] { world.pool().commit(); }) == Errc::read_only);
}

/// What is on the disks is whole, and opens.
void require_whole_on_disk(CrashWorld& world, bool needs_check) {
    world.power().cut_now();
    const std::array<const VolatileDevice*, 2> disks{&world.metadata(), &world.data()};
    for (const auto kind : {Survivors::Kind::none, Survivors::Kind::all}) {
        const auto images = images_after_cut(disks, {kind, 0});
        SparseDevice metadata(images[0]);
        SparseDevice data(images[1]);
        CHECK(findings_of(metadata, data.size()) == "");
        const auto pool = engine::open_embedded_pool(metadata, data, kSmallCaches);
        require_nothing(world.history().violations(*pool, kSeenBytes));
        if (needs_check) {
            CHECK(pool->status().needs_check);
            CHECK(pool->status().mode == PoolMode::read_only);
        }
    }
}

/// Lets the k-th operation of that side fail, for each k until nothing fails any more.
/// \return how many were made to fail
std::uint64_t for_each_fault(Side side, Fault fault) {
    CrashWorld before(format_images({}), first_state({}));
    make_devices(before);
    const PoolImages start = before.images();
    const PoolState state = before.history().now();
    for (fault.at = 1;; ++fault.at) {
        CAPTURE(fault.at);
        CrashWorld world(start, state);
        faults(world, side).fail(fault);
        const auto failure = failure_of([&] { do_everything(world); });
        if (faults(world, side).failures() == 0) {
            CHECK_FALSE(failure.has_value());
            return fault.at - 1;
        }
        // A view makes durable what was written: that may fail, too, and then stops the pool.
        if (failure_of([&] { static_cast<void>(world.pool().read_view()); }))
            CHECK(world.pool().status().mode == PoolMode::read_only);
        require_nothing(world.history().violations(world.pool(), kSeenBytes));
        const bool stopped = world.pool().status().mode == PoolMode::read_only;
        if (failure && side == Side::metadata)
            CHECK(stopped);
        if (stopped)
            require_read_only(world);
        require_whole_on_disk(world, stopped && !fault.for_ever);
    }
}

} // namespace

TEST_SUITE("crash.fault") {
    TEST_CASE("a failing metadata write or flush stops writes and loses nothing that was flushed") {
        CHECK(for_each_fault(Side::metadata, {}) > 20);
    }

    TEST_CASE("a metadata write that fails half done loses nothing that was flushed") {
        CHECK(for_each_fault(Side::metadata,
                             {.operation = DeviceOperation::write, .half_done = true}) > 20);
    }

    TEST_CASE("a metadata device that fails for good leaves a pool that reads") {
        CHECK(for_each_fault(Side::metadata, {.for_ever = true}) > 20);
    }

    TEST_CASE("a metadata device without space stops writes and loses nothing that was flushed") {
        CHECK(for_each_fault(Side::metadata, {.error = ENOSPC}) > 20);
    }

    TEST_CASE("a failing data operation loses nothing that was flushed") {
        CHECK(for_each_fault(Side::data, {}) >= 10);
    }

    TEST_CASE("a data write that fails half done loses nothing that was flushed") {
        CHECK(for_each_fault(Side::data,
                             {.operation = DeviceOperation::write, .half_done = true}) >= 5);
    }

    TEST_CASE("a data device that fails for good leaves a pool that reads") {
        CHECK(for_each_fault(Side::data, {.for_ever = true}) >= 10);
    }

    TEST_CASE("a failed data flush stops writes") {
        const Fault fault{.operation = DeviceOperation::flush};
        CHECK(for_each_fault(Side::data, fault) >= 2);
        CrashWorld world(format_images({}), first_state({}));
        world.apply({CreateThin{kOther}});
        world.write(kOther, 0, 4096);
        world.data_faults().fail(fault);
        CHECK(failure_of([&] { world.flush(kOther); }) == Errc::io);
        CHECK(world.pool().status().needs_check);
        require_read_only(world);
    }

    TEST_CASE("after a failed commit no flush of any device succeeds") {
        CrashWorld world(format_images({}), first_state({}));
        world.apply({CreateThin{kOther}, CreateThin{kOrigin}});
        world.write(kOther, 0, 4096);
        world.flush(kOther);
        world.write(kOrigin, 0, 4096);
        world.metadata_faults().fail({.operation = DeviceOperation::write});
        CHECK(failure_of([&] { world.flush(kOrigin); }) == Errc::io);
        CHECK(failure_of([&] { world.flush(kOther); }) == Errc::io); // it has nothing to flush
    }

    TEST_CASE("a flush behind a failed data write asks the disk") {
        CrashWorld world(format_images({}), first_state({}));
        world.apply({CreateThin{kOther}});
        world.write(kOther, 0, 4096);
        world.flush(kOther);
        world.data_faults().fail({.for_ever = true});
        CHECK(failure_of([&] { world.write(kOther, 0, 4096); }) == Errc::io);
        CHECK(failure_of([&] { world.flush(kOther); }) == Errc::io);
    }

    TEST_CASE("a failed data write stops nothing and can be done again") {
        CrashWorld world(format_images({}), first_state({}));
        world.apply({CreateThin{kOther}});
        for (int i = 0; i < 3; ++i) { // new chunk, in place, in place without alignment
            world.data_faults().fail({.operation = DeviceOperation::write});
            CHECK(failure_of([&] { world.write(kOther, i == 2 ? 100 : 0, 4096); }) == Errc::io);
            CHECK(world.pool().status().mode == PoolMode::write);
            world.write(kOther, i == 2 ? 100 : 0, 4096);
        }
        world.flush(kOther);
        CHECK(world.pool().status().data.used == 1);
        require_nothing(world.history().violations(world.pool(), kSeenBytes));
    }

    TEST_CASE("a read error is an error of that read and stops nothing") {
        CrashWorld world(format_images({}), first_state({}));
        world.apply({CreateThin{kOther}});
        world.write(kOther, 0, 4096);
        const auto device = world.pool().open_device(kOther, {.size = kSeenBytes});
        std::vector<std::byte> bytes(4096);
        world.data_faults().fail({.operation = DeviceOperation::read});
        CHECK(failure_of([&] { device->read(0, bytes); }) == Errc::io);
        CHECK(failure_of([&] { device->read(0, bytes); }) == std::nullopt);
        CHECK(world.pool().status().mode == PoolMode::write);
    }

    TEST_CASE("every read error in the metadata is an error and stops nothing for readers") {
        CrashWorld before(format_images({}), first_state({}));
        make_devices(before);
        const PoolImages start = before.images();
        for (std::uint64_t k = 1; k < 40; ++k) {
            CAPTURE(k);
            CrashWorld world(start, before.history().now());
            world.metadata_faults().fail({.operation = DeviceOperation::read, .at = k});
            const auto failure = failure_of([&] { do_everything(world); });
            if (world.metadata_faults().failures() == 0)
                break;
            CHECK(failure == Errc::io);
            require_nothing(world.history().violations(world.pool(), kSeenBytes));
            require_whole_on_disk(world, false);
        }
    }

    TEST_CASE("a metadata device that fails reads and writes for good leaves a failed pool") {
        CrashWorld world(format_images({}), first_state({}));
        make_devices(world);
        world.write(kOther, 3 * kChunk, 4096);
        world.metadata_faults().fail({.for_ever = true});
        CHECK(failure_of([&] { world.flush(kOther); }) == Errc::io);
        world.metadata_faults().fail({.operation = DeviceOperation::read, .for_ever = true});
        // whatever the mode is now: an answer or an Error, no crash and no wrong bytes
        const auto device = failure_of(
            [&] { require_nothing(world.history().violations(world.pool(), kSeenBytes)); });
        CHECK((!device || *device == Errc::io));
    }
}

} // namespace thinsnap::test
