#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crash/crash_world.hpp"

namespace thinsnap::test {

/// An operation to be cut at each of its I/Os.
struct CutScenario {
    WorldShape shape;
    /// Brings the pool to where the operation starts; all of it is durable then.
    std::function<void(CrashWorld&)> setup;
    std::function<void(CrashWorld&)> operation;
};

struct CutOptions {
    /// How many ways of surviving to try for each cut; see choose_survivors().
    std::size_t effort = 4;
    std::uint64_t seed = 1;
    BrokenBarrier metadata_barrier = BrokenBarrier::none;
    BrokenBarrier data_barrier = BrokenBarrier::none;
    /// Stop at the first violation: for negative controls, which want one.
    bool stop_early = false;
};

struct CutReport {
    std::uint64_t cuts = 0;   ///< I/Os during which the power went off, and the one after the last
    std::uint64_t images = 0; ///< states of the disks that were opened again
    std::uint64_t thin_checks = 0;
    std::vector<std::string> violations;
};

/// Cuts the power during the operation's first I/O, its second, and so on until it completes, and
/// once behind it. After each cut, for each choice of surviving writes: the pool opens, our check
/// finds nothing (thin_check neither, on every fiftieth), the pool's devices hold what they may
/// hold, and the pool can be used.
[[nodiscard]] CutReport for_each_power_cut(const CutScenario& scenario, const CutOptions& options);

} // namespace thinsnap::test
