#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include <doctest/doctest.h>

#include "support/random.hpp"

#include "crash/cuts.hpp"
#include "crash/image_world.hpp"

// The power goes off during each I/O of whole commands. Afterwards what was answered is there and
// holds what it should, what was not is whole or not there, the next commands work, and with
// everything removed the pool is empty.
//
// The quick run cuts at some of the places, chosen by the seed; THINSNAP_LONG at all of them.

namespace thinsnap::test {

namespace {

using Steps = std::function<void(ImageWorld&)>;

struct Scenario {
    Steps setup;
    Steps operation;
};

struct Broken {
    BrokenSync directory = BrokenSync::none;
    BrokenBarrier data = BrokenBarrier::none;
};

class Cuts {
public:
    explicit Cuts(const Scenario& scenario)
        : operation_(scenario.operation) {
        ImageWorld world(empty_image_store(), files_, known_setup_);
        world.open();
        scenario.setup(world);
        world.kill();
        start_ = world.after_cut({});
        ledger_ = world.ledger();
        ImageWorld undisturbed(start_, files_, known_);
        undisturbed.open();
        const std::uint64_t before = undisturbed.power().operations();
        operation_(undisturbed);
        operations_ = undisturbed.power().operations() - before;
    }

    /// \param about  so many places, evenly, from one on that the seed chooses
    CutReport run(std::uint64_t about, std::uint64_t seed, const Broken& broken = {}) {
        const std::uint64_t step = std::max<std::uint64_t>(operations_ / about, 1);
        CutReport report;
        bool completed = false;
        for (std::uint64_t at = 1 + seed % step; !completed; at += step) {
            ++report.cuts;
            ImageWorld world(start_, files_, known_);
            world.ledger() = ledger_;
            world.directory().break_sync(broken.directory);
            world.data().break_barrier(broken.data);
            completed = run_until_cut(world, at, operation_);
            const std::size_t effort = long_run() ? 4 : 1;
            judge_all(world, at, effort, mix(seed, at), report, [&](const StoreImages& images) {
                return judge(images, world.ledger(), files_);
            });
            if (is_control(broken) && !report.violations.empty())
                break;
        }
        return report;
    }

private:
    static bool is_control(const Broken& broken) {
        return broken.directory != BrokenSync::none || broken.data != BrokenBarrier::none;
    }

    HostFiles files_;
    ImageWorld::Known known_setup_;
    ImageWorld::Known known_;
    Steps operation_;
    StoreImages start_;
    ImageLedger ledger_;
    std::uint64_t operations_ = 0;
};

void require_safe(const Scenario& scenario) {
    const std::uint64_t seed = test_seed();
    const CutReport report = Cuts(scenario).run(long_run() ? UINT64_MAX : 20, seed);
    report.require_none();
    CHECK(report.cuts > 5);
    CHECK(report.images > report.cuts);
}

void nothing(ImageWorld& /*world*/) {}

void first_image(ImageWorld& world) {
    world.import_first();
    world.create("web", "first:latest");
}

void life(ImageWorld& world) {
    world.import_first();
    world.create("web", "first:latest");
    world.copy_into("web");
    world.commit("web", "next:latest");
    world.create("large", "next:latest", std::uint64_t{20} << 30U);
    world.tag("first:latest", "next:latest"); // the committed layer is needed by `large` alone
    world.remove_container("large");
    world.prune();
    world.import_second();
    world.remove_container("web");
    world.remove_image("first:latest");
}

bool is_noticed(const Broken& broken) {
    const CutReport report = Cuts({.setup = nothing, .operation = life}).run(12, 1, broken);
    if (!report.violations.empty())
        MESSAGE("noticed: ", report.violations.front());
    return !report.violations.empty();
}

} // namespace

TEST_SUITE("crash.images") {
    TEST_CASE("a power cut during an import leaves a whole image or none") {
        require_safe({.setup = nothing, .operation = &ImageWorld::import_first});
    }

    TEST_CASE("a power cut during an import leaves the layers that other images have") {
        require_safe({.setup = first_image, .operation = &ImageWorld::import_second});
    }

    TEST_CASE("a power cut while a larger container is made leaves it whole or not there") {
        require_safe({.setup = first_image, .operation = [](ImageWorld& world) {
                          world.create("large", "first:latest", std::uint64_t{20} << 30U);
                      }});
    }

    TEST_CASE("a power cut while a tree is copied in leaves all of it or none") {
        require_safe(
            {.setup = first_image, .operation = [](ImageWorld& world) { world.copy_into("web"); }});
    }

    TEST_CASE("a power cut while a container is committed leaves a whole image or none") {
        require_safe({.setup =
                          [](ImageWorld& world) {
                              first_image(world);
                              world.copy_into("web");
                          },
                      .operation = [](ImageWorld& world) { world.commit("web", "next:latest"); }});
    }

    TEST_CASE("a power cut while images and containers are removed leaves none of them half") {
        require_safe({.setup =
                          [](ImageWorld& world) {
                              first_image(world);
                              world.import_second();
                          },
                      .operation =
                          [](ImageWorld& world) {
                              world.remove_container("web");
                              world.remove_image("first:latest");
                          }});
    }

    TEST_CASE("a power cut anywhere in a life of images loses nothing that was answered") {
        require_safe({.setup = nothing, .operation = life});
    }

    TEST_CASE("images recorded before their data is durable are noticed") {
        CHECK(is_noticed({.data = BrokenBarrier::every_flush}));
    }

    TEST_CASE("a journal of images that is not flushed is noticed") {
        CHECK(is_noticed({.directory = BrokenSync::file}));
    }
}

} // namespace thinsnap::test
