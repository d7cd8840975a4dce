#include "engine/side_thread.hpp"

#include <atomic>
#include <stdexcept>

#include <doctest/doctest.h>

namespace thinsnap::engine {

TEST_SUITE("engine.side_thread") {
    TEST_CASE("a job runs beside its owner and is done when it is finished") {
        SideThread side;
        std::atomic<bool> go = false;
        int done = 0;
        for (int i = 1; i <= 100; ++i) {
            go = false;
            side.start([&] {
                while (!go) {} // which would hang if the owner did the job itself
                ++done;
            });
            go = true;
            side.finish();
            CHECK(done == i);
        }
    }

    TEST_CASE("what a job throws comes to its owner once") {
        SideThread side;
        side.start([] { throw std::runtime_error("lost"); });
        CHECK_THROWS_AS(side.finish(), std::runtime_error);
        side.start([] {});
        CHECK_NOTHROW(side.finish());
    }
}

} // namespace thinsnap::engine
