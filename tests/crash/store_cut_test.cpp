#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/random.hpp"

#include "crash/cuts.hpp"
#include "crash/store_world.hpp"

// The power goes off during each I/O of journal and pool together. Afterwards nothing that was
// answered is lost, nothing leaks, and the store goes on.

namespace thinsnap::test {

namespace {

using Steps = std::function<void(StoreWorld&)>;

struct Broken {
    BrokenSync directory = BrokenSync::none;
    BrokenBarrier data = BrokenBarrier::none;
};

struct Scenario {
    Steps setup;
    Steps operation;
    std::uint64_t journal_limit = 1U << 20U;
};

struct Start {
    StoreImages images;
    Ledger ledger;
};

Start prepare(const Scenario& scenario) {
    StoreWorld world(empty_store());
    world.open();
    scenario.setup(world);
    world.kill();
    return {world.after_cut({}), world.ledger()};
}

void judge_all(StoreWorld& world, std::size_t effort, std::uint64_t seed, CutReport& report) {
    judge_all(world, report.cuts, effort, seed, report, [&](const StoreImages& images) {
        return judge(images, world.ledger());
    });
}

CutReport cut_everywhere(const Scenario& scenario, std::uint64_t seed, const Broken& broken = {}) {
    const Start start = prepare(scenario);
    CutReport report;
    const bool control = broken.directory != BrokenSync::none || broken.data != BrokenBarrier::none;
    for (bool completed = false; !completed;) {
        ++report.cuts;
        StoreWorld world(start.images, scenario.journal_limit);
        world.ledger() = start.ledger;
        world.directory().break_sync(broken.directory);
        world.data().break_barrier(broken.data);
        completed = run_until_cut(world, report.cuts, scenario.operation);
        judge_all(world, long_run() ? 12 : 2, mix(seed, report.cuts), report);
        if (control && !report.violations.empty())
            return report;
    }
    return report;
}

void require_safe(const Scenario& scenario) {
    const CutReport report = cut_everywhere(scenario, test_seed());
    report.require_none();
    CHECK(report.cuts > 10);
    CHECK(report.images > report.cuts);
}

void make_image(StoreWorld& world) {
    world.make_layer(1, 11);
    world.make_layer(2, 12, 1);
    world.set_image("debian", 2);
    world.make_container("old", 2);
}

const Scenario kLife{.setup = make_image, .operation = [](StoreWorld& world) {
                         world.make_container("web", 2);
                         world.relabel("web", 1);
                         world.commit_container("web", 3, 31, 32);
                         world.relabel("web", 2);
                         world.remove_container("old");
                         world.make_container("new", 3);
                         world.make_layer(4, 14, 3);
                         world.remove_image("debian");
                         world.remove_layer(4);
                     }};

/// The same, with a checkpoint every few frames.
Scenario with_checkpoints() {
    Scenario scenario = kLife;
    scenario.journal_limit = 400;
    return scenario;
}

bool is_noticed(const Scenario& scenario, const Broken& broken) {
    const CutReport report = cut_everywhere(scenario, 1, broken);
    if (!report.violations.empty())
        MESSAGE("noticed: ", report.violations.front());
    return !report.violations.empty();
}

} // namespace

TEST_SUITE("crash.store") {
    TEST_CASE("a power cut while a layer is made leaves it committed and whole or nothing") {
        require_safe({.setup = [](StoreWorld& world) { world.make_layer(1, 11); },
                      .operation = [](StoreWorld& world) { world.make_layer(2, 12, 1); }});
    }

    TEST_CASE("a power cut while a container that is written becomes a layer tears neither") {
        require_safe({.setup = make_image, .operation = [](StoreWorld& world) {
                          world.commit_container("old", 3, 31, 32);
                      }});
    }

    TEST_CASE("a power cut while things are deleted leaves none of them half") {
        require_safe({.setup = make_image, .operation = [](StoreWorld& world) {
                          world.remove_image("debian");
                          world.remove_container("old");
                          world.remove_layer(2);
                          world.make_container("web", 1);
                      }});
    }

    TEST_CASE("a power cut anywhere in a life of a store loses nothing that was answered") {
        require_safe(kLife);
    }

    TEST_CASE("a power cut around checkpoints loses nothing that was answered") {
        require_safe(with_checkpoints());
    }

    TEST_CASE("a power cut while the first store of a pool is opened does no harm") {
        CutReport report;
        const PoolImages fresh = format_images({});
        for (bool completed = false; !completed;) {
            ++report.cuts;
            StoreWorld world({fresh, {}});
            completed = run_until_cut<StoreWorld>(world, report.cuts, [](StoreWorld&) {});
            judge_all(world, 4, mix(test_seed(), report.cuts), report);
        }
        report.require_none();
        CHECK(report.cuts > 5);
    }

    TEST_CASE("a second power cut during the recovery from the first does no harm") {
        const Scenario scenario{.setup = make_image, .operation = [](StoreWorld& world) {
                                    world.commit_container("old", 3, 31, 32);
                                    world.remove_container("old");
                                }};
        const Start start = prepare(scenario);
        CutReport report;
        for (bool completed = false; !completed;) {
            report.cuts += long_run() ? 1U : 3U;
            StoreWorld first(start.images);
            first.ledger() = start.ledger;
            completed = run_until_cut(first, report.cuts, scenario.operation);
            const auto survivors = choose_survivors(first.unflushed().size(), 3, 1, report.cuts);
            const StoreImages left = first.after_cut(survivors.at(report.cuts % survivors.size()));
            bool recovered = false;
            for (std::uint64_t cut = 1; !recovered; ++cut) {
                StoreWorld second(left);
                second.ledger() = first.ledger();
                recovered = run_until_cut<StoreWorld>(second, cut, [](StoreWorld&) {});
                judge_all(second, 1, mix(report.cuts, cut), report);
            }
        }
        report.require_none();
        CHECK(report.images > 100);
    }

    TEST_CASE("a killed process leaves what the next one can trust although the power goes off") {
        const Start start = prepare(kLife);
        CutReport report;
        for (bool completed = false; !completed;) {
            ++report.cuts;
            StoreWorld world(start.images, 400);
            world.ledger() = start.ledger;
            completed = run_until_cut(world, report.cuts, kLife.operation);
            world.kill();
            world.open();
            // Names only: nothing else makes durable what the killed one left in the caches.
            world.set_image("after", 1);
            world.power().cut_now();
            judge_all(world, 1, mix(test_seed(), report.cuts), report);
        }
        report.require_none();
        CHECK(report.cuts > 50);
    }

    TEST_CASE("a journal flush that does nothing is noticed") {
        CHECK(is_noticed(kLife, {.directory = BrokenSync::file}));
    }

    TEST_CASE("a directory flush that does nothing is noticed") {
        CHECK(is_noticed(with_checkpoints(), {.directory = BrokenSync::directory}));
    }

    TEST_CASE("layers committed before their data is durable are noticed") {
        CHECK(is_noticed(kLife, {.data = BrokenBarrier::every_flush}));
    }
}

} // namespace thinsnap::test
