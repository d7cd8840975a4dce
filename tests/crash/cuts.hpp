#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"
#include "support/volatile_device.hpp"

/// \file
/// Running something until the power goes off, and judging all that the disks may hold then. A
/// World has open(), power(), unflushed() and after_cut(), as StoreWorld has them.

namespace thinsnap::test {

/// \return whether all of it was done
template <class World>
bool run_until_cut(World& world, std::uint64_t cut, const std::function<void(World&)>& steps) {
    world.power().cut_during(cut);
    try {
        world.open();
        steps(world);
    } catch (const PowerCut&) {
        return false;
    } catch (const Error&) { // of a change that the power cut broke off
        if (!world.power().is_off())
            throw;
        return false;
    }
    if (world.power().is_off()) // in a checkpoint, which may fail
        return false;
    world.power().cut_now();
    return true;
}

struct CutReport {
    std::uint64_t cuts = 0;   ///< places where the power went off
    std::uint64_t images = 0; ///< that were judged
    std::vector<std::string> violations;

    /// Fails the test for each violation.
    void require_none() const {
        MESSAGE(cuts, " cuts and ", images, " images");
        for (const std::string& violation : violations)
            FAIL_CHECK(violation);
    }
};

/// \param at     the operation during which the power went off, for the texts
/// \param judge  called as judge(StoreImages); gives what is wrong
template <class World, class Judge>
void judge_all(World& world,
               std::uint64_t at,
               std::size_t effort,
               std::uint64_t seed,
               CutReport& report,
               const Judge& judge) {
    for (const Survivors& survivors : choose_survivors(world.unflushed().size(), 3, effort, seed)) {
        ++report.images;
        for (const std::string& text : judge(world.after_cut(survivors)))
            report.violations.push_back(
                fmt::format("cut {}, survivors {}: {}", at, survivors.text(), text));
    }
}

} // namespace thinsnap::test
