#include "crash/power_cut.hpp"

#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/metadata_check.hpp"
#include "support/random.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kThinCheckEvery = 50;
constexpr std::uint64_t kUseEvery = 5;

/// The pool must still do what pools do.
void use(SparseDevice& metadata, SparseDevice& data, ThinPool& pool) {
    const DeviceId fresh(777);
    apply_all(pool, {CreateThin{fresh}});
    const auto device = pool.open_device(fresh, {.size = kSeenBytes});
    write_pattern(*device, 777, 1000, 5000);
    device->flush();
    if (!holds_pattern(*device, 777, 1000, 5000) || !holds_zeros(*device, 0, 1000))
        throw Error(Errc::internal, "a device made after the crash does not hold what was written");
    const std::string found = findings_of(metadata, data.size());
    if (!found.empty())
        throw Error(Errc::internal, "after using the pool: " + found);
}

/// What is wrong with one outcome of a crash.
std::vector<std::string>
judge(const std::vector<SparseBytes>& images, const History& history, CutReport& report) {
    SparseDevice metadata(images.at(0));
    SparseDevice data(images.at(1));
    ++report.images;
    std::vector<std::string> violations;
    try {
        if (auto found = findings_of(metadata, data.size()); !found.empty())
            return {"check: " + found};
        if (report.images % kThinCheckEvery == 0 && have_thin_check()) {
            ++report.thin_checks;
            if (auto found = thin_check_says(metadata); !found.empty())
                return {found};
        }
        const auto pool = engine::open_embedded_pool(metadata, data, kSmallCaches);
        violations = history.violations(*pool, kSeenBytes);
        if (violations.empty() && report.images % kUseEvery == 0)
            use(metadata, data, *pool);
    } catch (const Error& error) {
        violations.push_back(fmt::format("opening or using the pool: {}", error.what()));
    }
    return violations;
}

/// \return whether the operation completed
bool run_until_cut(CrashWorld& world, const CutScenario& scenario, std::uint64_t cut) {
    world.power().cut_during(cut);
    try {
        scenario.operation(world);
    } catch (const PowerCut&) {
        return false;
    }
    world.power().cut_now();
    return true;
}

} // namespace

CutReport for_each_power_cut(const CutScenario& scenario, const CutOptions& options) {
    CrashWorld before(format_images(scenario.shape), first_state(scenario.shape));
    scenario.setup(before);
    const PoolImages start = before.images();
    const PoolState state = before.history().now();

    CutReport report;
    for (bool completed = false; !completed;) {
        ++report.cuts;
        CrashWorld world(start, state);
        world.metadata().break_barrier(options.metadata_barrier);
        world.data().break_barrier(options.data_barrier);
        completed = run_until_cut(world, scenario, report.cuts);
        const std::array<const VolatileDevice*, 2> disks{&world.metadata(), &world.data()};
        const std::size_t unflushed = disks[0]->unflushed().size() + disks[1]->unflushed().size();
        for (const Survivors& survivors : choose_survivors(
                 unflushed, disks.size(), options.effort, mix(options.seed, report.cuts))) {
            for (const std::string& text :
                 judge(images_after_cut(disks, survivors), world.history(), report))
                report.violations.push_back(fmt::format("cut {}{}, survivors {} of {}: {}",
                                                        report.cuts,
                                                        completed ? " (after the end)" : "",
                                                        survivors.text(),
                                                        unflushed,
                                                        text));
            if (options.stop_early && !report.violations.empty())
                return report;
        }
    }
    return report;
}

} // namespace thinsnap::test
