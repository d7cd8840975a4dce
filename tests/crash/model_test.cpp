#include <string>

#include <doctest/doctest.h>

#include "support/metadata_check.hpp"
#include "support/random.hpp"

#include "crash/model_rig.hpp"

namespace thinsnap::test {

namespace {

constexpr int kCheckEvery = 2000;
constexpr int kThinCheckEvery = 4000;

/// \param operations  in the quick run; the long one does ten times as many
void live(const ModelLife& life, int operations) {
    const std::uint64_t seed = test_seed();
    CAPTURE(seed);
    ModelRig rig(life, seed);
    const int all = long_run() ? 11 * operations : operations;
    for (int i = 1; i <= all; ++i) {
        CAPTURE(i);
        rig.step();
        if (i % kCheckEvery == 0 || i == all)
            rig.check_all();
        if (i % kThinCheckEvery == 0 || i == all)
            rig.check_with_thin_check();
    }
    MESSAGE(
        rig.tally().operations,
        " operations, ",
        rig.tally().bytes_written >> 20U,
        " MiB written, ",
        rig.tally().no_space,
        " times no space, reopened ",
        rig.tally().reopened,
        " times, ",
        std::string(have_thin_check() ? "thin_check agrees" : "NOTE: thin_check is not installed"));
    CHECK(rig.tally().reopened > 0);
}

} // namespace

TEST_SUITE("crash.model") {
    TEST_CASE("a pool that is often full holds what its model holds") {
        live({}, 14000);
    }

    TEST_CASE("a pool with deep trees and a small cache holds what its model holds") {
        live({.data_chunks = 6000,
              .most_data_chunks = 40000,
              .metadata_blocks = 4096,
              .device_size = 96U << 20U,
              .most_devices = 10,
              .most_write = 2000000},
             6000);
    }
}

} // namespace thinsnap::test
