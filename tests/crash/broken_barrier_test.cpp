#include <doctest/doctest.h>

#include "crash/power_cut.hpp"

// The harness must notice when a barrier is missing, or it proves nothing of an engine that has it.

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr DeviceId kDevice{1};

const CutScenario kWriteAndFlush{
    .shape = {},
    .setup = [](CrashWorld& world) { world.apply({CreateThin{kDevice}}); },
    .operation =
        [](CrashWorld& world) {
            world.write(kDevice, 0, kChunk + 100);
            world.flush(kDevice);
            world.apply({CreateSnapshot{DeviceId(2), kDevice}});
            world.write(kDevice, 4096, 4096);
            world.flush(kDevice);
        }};

bool is_noticed(BrokenBarrier on_metadata, BrokenBarrier on_data) {
    const CutReport report = for_each_power_cut(
        kWriteAndFlush,
        {.metadata_barrier = on_metadata, .data_barrier = on_data, .stop_early = true});
    for (const std::string& violation : report.violations)
        MESSAGE("noticed: ", violation);
    return !report.violations.empty();
}

} // namespace

TEST_SUITE("crash.broken_barrier") {
    TEST_CASE("with all barriers the harness has nothing to say") {
        CHECK_FALSE(is_noticed(BrokenBarrier::none, BrokenBarrier::none));
    }

    TEST_CASE("a data flush that does nothing is noticed") {
        CHECK(is_noticed(BrokenBarrier::none, BrokenBarrier::every_flush));
    }

    TEST_CASE("a metadata flush before the superblock that does nothing is noticed") {
        CHECK(is_noticed(BrokenBarrier::before_superblock, BrokenBarrier::none));
    }

    TEST_CASE("a metadata flush after the superblock that does nothing is noticed") {
        CHECK(is_noticed(BrokenBarrier::after_superblock, BrokenBarrier::none));
    }
}

} // namespace thinsnap::test
