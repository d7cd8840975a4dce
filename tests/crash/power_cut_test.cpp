#include "crash/power_cut.hpp"

#include <string>

#include <doctest/doctest.h>

#include "support/metadata_check.hpp"
#include "support/random.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr DeviceId kOrigin{1};
constexpr DeviceId kSnapshot{2};
constexpr DeviceId kOther{3};
constexpr DeviceId kNew{4};

/// Devices 1 with data, 2 a snapshot of it, 3 on its own: what most operations start from.
void make_devices(CrashWorld& world) {
    world.apply({CreateThin{kOrigin}, CreateThin{kOther}});
    world.write(kOrigin, 0, 3 * kChunk);
    world.write(kOther, kChunk + 4096, 20000);
    world.apply({CreateSnapshot{kSnapshot, kOrigin}});
}

void require_safe(const CutScenario& scenario) {
    const CutReport report =
        for_each_power_cut(scenario, {.effort = long_run() ? 16U : 3U, .seed = test_seed()});
    MESSAGE(report.cuts,
            " cuts and ",
            report.images,
            " images, ",
            report.thin_checks,
            " of them through thin_check");
    for (const std::string& violation : report.violations)
        FAIL_CHECK(violation);
    CHECK(report.cuts > 1);
    CHECK(report.images > report.cuts);
}

void require_safe(const std::function<void(CrashWorld&)>& operation) {
    require_safe({.shape = {}, .setup = make_devices, .operation = operation});
}

} // namespace

TEST_SUITE("crash.power_cut") {
    TEST_CASE("a power cut while a device is made leaves it whole or not there") {
        require_safe([](CrashWorld& world) { world.apply({CreateThin{kNew}}); });
    }

    TEST_CASE("a power cut while a snapshot is made leaves it whole or not there") {
        require_safe([](CrashWorld& world) { world.apply({CreateSnapshot{kNew, kSnapshot}}); });
    }

    TEST_CASE("a power cut while a written origin is snapshotted keeps both alike") {
        require_safe([](CrashWorld& world) {
            world.write(kOrigin, 4096, 8192);            // breaks sharing
            world.write(kOrigin, 3 * kChunk + 1, 30000); // new
            world.apply({CreateSnapshot{kNew, kOrigin}});
            world.write(kOrigin, 0, 100);
        });
    }

    TEST_CASE("a power cut while a device is deleted leaves it whole or gone") {
        require_safe([](CrashWorld& world) { world.apply({DeleteDevice{kOrigin}}); });
    }

    TEST_CASE("a power cut while new chunks are written loses nothing that was flushed") {
        require_safe([](CrashWorld& world) {
            world.write(kOther, 2 * kChunk + 500, 3000); // a part of a chunk
            world.flush(kOther);
            world.write(kOther, 3 * kChunk, 2 * kChunk); // whole chunks
            world.flush(kOther);
        });
    }

    TEST_CASE("a power cut while sharing is broken leaves old or new bytes on one side alone") {
        require_safe([](CrashWorld& world) {
            world.write(kOrigin, kChunk + 100, 5000);
            world.flush(kOrigin);
            world.write(kSnapshot, kChunk + 8192, 4096); // the last owner: in place
            world.flush(kSnapshot);
        });
    }

    TEST_CASE("a power cut while a shared chunk is replaced leaves the other side alone") {
        require_safe([](CrashWorld& world) {
            world.write(kSnapshot, 0, 2 * kChunk);
            world.flush(kSnapshot);
        });
    }

    TEST_CASE("a power cut during writes in place leaves old or new bytes") {
        require_safe([](CrashWorld& world) {
            world.write(kOther, kChunk + 4096, 8192);
            world.flush(kOther);
            world.write(kOther, kChunk + 5000, 10);
            world.write(kOther, kChunk + 9000, 6000);
        });
    }

    TEST_CASE("a power cut during a discard leaves old bytes or zeros") {
        require_safe([](CrashWorld& world) {
            world.discard(kOrigin, 0, 2 * kChunk); // shared
            world.discard(kOther, 0, 4 * kChunk);  // its own
            world.flush(kOrigin);
            world.write(kOther, kChunk, 4096);
            world.flush(kOther);
        });
    }

    TEST_CASE("a power cut while the data device grows leaves the old or the new size") {
        require_safe([](CrashWorld& world) {
            world.grow_data(100);
            world.write(kOther, 5 * kChunk, 4096);
            world.grow_data(20000); // a second bitmap
        });
    }

    TEST_CASE("a power cut while the metadata device grows leaves the old or the new size") {
        require_safe([](CrashWorld& world) {
            world.grow_metadata(600);
            world.write(kOther, 5 * kChunk, 4096);
            world.grow_metadata(17000); // a second bitmap
        });
    }

    TEST_CASE("a power cut during a batch leaves all of it or nothing") {
        require_safe([](CrashWorld& world) {
            world.write(kOther, 0, 4096);
            world.apply({CreateThin{kNew},
                         CreateSnapshot{DeviceId(5), kOrigin},
                         CreateSnapshot{DeviceId(6), DeviceId(5)},
                         DeleteDevice{kSnapshot}});
        });
    }

    TEST_CASE("a power cut while the transaction id moves leaves the old or the new one") {
        require_safe([](CrashWorld& world) {
            world.apply({});
            world.apply({});
        });
    }

    TEST_CASE(
        "a power cut during a flush of one of several written devices keeps what it flushed") {
        require_safe([](CrashWorld& world) {
            world.write(kOrigin, 100, 3 * kChunk);
            world.write(kOther, 0, kChunk);
            world.write(kSnapshot, 2 * kChunk, 512);
            world.flush(kOther);
            world.write(kOrigin, 4 * kChunk, 1000);
            world.flush(kOrigin);
            world.commit();
        });
    }

    TEST_CASE("a power cut after a handle was closed keeps what the next handle flushed") {
        require_safe([](CrashWorld& world) {
            world.write(kOther, 3 * kChunk, 4096);
            world.close(kOther);
            world.flush(kOther);
        });
    }

    TEST_CASE("a power cut while freed chunks are used again loses neither old nor new") {
        // 6 chunks, of which 4 are taken: the writes must use what the delete and discards free.
        const CutScenario scenario{
            .shape = {.data_chunks = 6},
            .setup =
                [](CrashWorld& world) {
                    world.apply({CreateThin{kOrigin}, CreateThin{kOther}});
                    world.write(kOrigin, 0, 3 * kChunk);
                    world.write(kOther, 0, kChunk);
                },
            .operation =
                [](CrashWorld& world) {
                    world.apply({DeleteDevice{kOrigin}});
                    world.write(kOther, kChunk, 4 * kChunk);
                    world.flush(kOther);
                    world.discard(kOther, kChunk, 2 * kChunk);
                    world.write(kOther, 5 * kChunk, 4096);
                    world.write(kOther, kChunk, 100); // needs a discarded chunk: commits first
                    world.flush(kOther);
                }};
        require_safe(scenario);
    }

    TEST_CASE("a power cut after a snapshot was deleted never shows its chunks overwritten") {
        require_safe([](CrashWorld& world) {
            world.write(kOther, 0, 4096);
            world.apply({DeleteDevice{kSnapshot}});
            world.write(kOrigin, 0, 2 * kChunk + 5000); // alone now: in place
            world.flush(kOrigin);
        });
    }

    TEST_CASE("a power cut while the last sharer writes in place never touches the other side") {
        require_safe([](CrashWorld& world) {
            world.discard(kSnapshot, 0, 3 * kChunk); // not committed: the chunks still are shared
            world.write(kOrigin, 0, 10000);
            world.flush(kOrigin);
            world.write(kSnapshot, kChunk, 10000);
            world.flush(kSnapshot);
        });
    }
}

} // namespace thinsnap::test
