#include "engine/range_lock.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/random.hpp"

namespace thinsnap::test {

using engine::RangeLock;
using Mode = RangeLock::Mode;

namespace {

/// Somebody else locks the range and lets go; returns when that was possible.
void lock_elsewhere(RangeLock& lock, std::uint64_t begin, std::uint64_t end, Mode mode) {
    std::jthread([&] { const RangeLock::Guard guard(lock, begin, end, mode); }).join();
}

} // namespace

TEST_SUITE("engine.range_lock") {
    TEST_CASE("ranges that do not meet are locked together") {
        RangeLock lock;
        const RangeLock::Guard guard(lock, 10, 20, Mode::exclusive);
        CHECK_NOTHROW(lock_elsewhere(lock, 0, 10, Mode::exclusive));
        CHECK_NOTHROW(lock_elsewhere(lock, 20, 21, Mode::exclusive));
    }

    TEST_CASE("readers share a range") {
        RangeLock lock;
        const RangeLock::Guard guard(lock, 10, 20, Mode::shared);
        CHECK_NOTHROW(lock_elsewhere(lock, 0, 100, Mode::shared));
    }

    TEST_CASE("an exclusive range waits for those who have it") {
        RangeLock lock;
        for (const Mode held : {Mode::shared, Mode::exclusive}) {
            std::atomic<bool> got = false;
            std::jthread other;
            {
                const RangeLock::Guard guard(lock, 10, 20, held);
                other = std::jthread([&] {
                    const RangeLock::Guard mine(lock, 19, 30, Mode::exclusive);
                    got = true;
                });
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
                CHECK_FALSE(got);
            }
            other.join();
            CHECK(got);
        }
    }

    TEST_CASE("a range that waits holds up later ones and so gets its turn") {
        RangeLock lock;
        std::atomic<int> order = 0;
        int writer = 0;
        int reader = 0;
        std::jthread waiting;
        std::jthread late;
        {
            const RangeLock::Guard guard(lock, 0, 10, Mode::shared);
            waiting = std::jthread([&] {
                const RangeLock::Guard mine(lock, 0, 10, Mode::exclusive);
                writer = ++order;
            });
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            late = std::jthread([&] {
                const RangeLock::Guard mine(lock, 5, 6, Mode::shared);
                reader = ++order;
            });
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        waiting.join();
        late.join();
        CHECK(writer == 1);
        CHECK(reader == 2);
    }

    TEST_CASE("writers of random ranges never meet") {
        RangeLock lock;
        std::array<int, 64> cells{}; // guarded by the lock, each by its own range
        std::atomic<int> wrong = 0;
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                Random random(t);
                for (int i = 0; i < 2000; ++i) {
                    const std::uint64_t begin = random.below(60);
                    const std::uint64_t end = begin + 1 + random.below(4);
                    const Mode mode = random.one_in(3) ? Mode::exclusive : Mode::shared;
                    const RangeLock::Guard guard(lock, begin, end, mode);
                    for (std::uint64_t k = begin; k < end; ++k) {
                        const int before = cells.at(k);
                        if (mode == Mode::exclusive)
                            ++cells.at(k);
                        wrong += cells.at(k) != before + (mode == Mode::exclusive ? 1 : 0) ? 1 : 0;
                    }
                }
            });
        threads.clear();
        CHECK(wrong == 0);
    }
}

} // namespace thinsnap::test
