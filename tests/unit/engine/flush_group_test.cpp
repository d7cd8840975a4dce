#include "engine/flush_group.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/mutex.hpp"

namespace thinsnap::test {

using engine::FlushGroup;

namespace {

/// Work that waits at a gate, to have callers gather behind it.
class Gate {
public:
    void enter() {
        const MutexLock lock(mutex_);
        ++entered_;
        changed_.notify_all();
        while (!open_)
            changed_.wait(mutex_);
    }
    void open() {
        const MutexLock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void wait_for(int entered) {
        const MutexLock lock(mutex_);
        while (entered_ < entered)
            changed_.wait(mutex_);
    }

private:
    Mutex mutex_;
    Condition changed_;
    int entered_ TS_GUARDED_BY(mutex_) = 0;
    bool open_ TS_GUARDED_BY(mutex_) = false;
};

} // namespace

TEST_SUITE("engine.flush_group") {
    TEST_CASE("a lone flush is performed as it was asked for") {
        std::vector<bool> commits;
        FlushGroup group([&](bool commit) { commits.push_back(commit); });
        group.run(false);
        group.run(true);
        CHECK(commits == std::vector<bool>{false, true});
    }

    TEST_CASE("flushes that arrive during one share the next") {
        Gate gate;
        std::atomic<int> works = 0;
        std::atomic<int> commits = 0;
        FlushGroup group([&](bool commit) {
            ++works;
            commits += commit ? 1 : 0;
            gate.enter();
        });
        std::jthread first([&] { group.run(false); });
        gate.wait_for(1);
        std::atomic<int> arrived = 0;
        std::vector<std::jthread> others;
        for (int i = 0; i < 8; ++i)
            others.emplace_back([&, i] {
                ++arrived;
                group.run(i == 5); // one of them needs a commit, so they all get one
            });
        while (arrived < 8)
            std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK(works == 1);
        gate.open();
        others.clear();
        CHECK(works >= 2);
        CHECK(works <= 3); // one more for who was late
        CHECK(commits == 1);
    }

    TEST_CASE("everybody who shared a flush gets its failure and the next one is new") {
        Gate gate;
        std::atomic<int> works = 0;
        FlushGroup group([&](bool) {
            if (++works == 1)
                gate.enter();
            else if (works == 2)
                throw std::runtime_error("failed");
        });
        std::jthread first([&] { group.run(false); });
        gate.wait_for(1);
        std::atomic<int> failures = 0;
        std::vector<std::jthread> others;
        for (int i = 0; i < 4; ++i)
            others.emplace_back([&] {
                try {
                    group.run(false);
                } catch (const std::runtime_error&) {
                    ++failures;
                }
            });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        gate.open();
        others.clear();
        CHECK(failures >= 1);
        CHECK(failures + works - 2 >= 4); // nobody got away without a flush of his own time
        CHECK_NOTHROW(group.run(false));
    }

    TEST_CASE("no flush begins before the call that it serves") {
        // Each caller takes a number, calls, and finds that a flush began at or behind it.
        std::atomic<int> clock = 0;
        std::atomic<int> begun = 0;
        FlushGroup group([&](bool) {
            begun = ++clock;
            std::this_thread::yield();
        });
        std::atomic<int> wrong = 0;
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 500; ++i) {
                    const int mine = ++clock;
                    group.run(false);
                    wrong += begun < mine ? 1 : 0;
                }
            });
        threads.clear();
        CHECK(wrong == 0);
    }
}

} // namespace thinsnap::test
