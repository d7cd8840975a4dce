#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "support/content.hpp"

#include "unit/snapshotter/store_rig.hpp"

namespace thinsnap::test {

using snapshotter::Draft;
using snapshotter::Proposal;

namespace {

/// Runs `body(number)` in that many threads at once.
void in_threads(std::size_t n, const std::function<void(std::size_t)>& body) {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < n; ++i)
        threads.emplace_back([&, i] { body(i); });
}

} // namespace

TEST_SUITE("snapshotter.store_threads") {
    TEST_CASE("two hundred threads share commits and each gets what it asked for") {
        StoreRig rig;
        const auto flushes = rig.directory.count(DirectoryOperation::sync_file);
        std::vector<DeviceId> ids(200);
        std::atomic<std::size_t> come = 0;
        rig.pool.on_call([&](const std::string&) { // the first commit waits for everybody
            while (come < ids.size())
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        });
        in_threads(ids.size(), [&](std::size_t i) {
            ++come;
            rig.store->commit(new_container(fmt::format("c{}", i), &ids[i]));
        });
        CHECK(std::set<DeviceId>(ids.begin(), ids.end()).size() == ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i)
            CHECK(rig.device_of(fmt::format("c{}", i)) == ids[i]);
        CHECK(rig.pool.devices().size() == ids.size());
        CHECK(rig.pool.batches().size() < ids.size() / 2);
        CHECK(rig.directory.count(DirectoryOperation::sync_file) - flushes ==
              rig.pool.batches().size());
        rig.open();
        CHECK(rig.contents().state.size() == ids.size());
    }

    TEST_CASE("threads that make and remove and ask leave exactly what they say") {
        StoreRig rig(false);
        rig.minimum = 4000; // checkpoints in between
        rig.open();
        std::atomic<bool> stop = false;
        std::atomic<bool> wrong = false;
        std::jthread asking([&] {
            while (!stop) {
                // Never a container whose device the pool does not have.
                const auto devices = rig.store->read([](const journal::State& state) {
                    std::vector<DeviceId> ready;
                    for (const auto& [id, c] : state.containers())
                        if (c.name == "stays")
                            ready.push_back(id);
                    return ready;
                });
                for (const DeviceId id : devices)
                    if (!rig.pool.devices().contains(id))
                        wrong = true;
                std::this_thread::yield();
            }
        });
        rig.store->commit(new_container("stays"));
        std::atomic<int> refused = 0;
        in_threads(16, [&](std::size_t i) {
            for (int round = 0; round < 20; ++round) {
                DeviceId id{};
                try {
                    rig.store->commit(new_container(fmt::format("c{}", i % 8), &id));
                } catch (const Error& error) {
                    if (error.kind() != Errc::already_exists)
                        wrong = true;
                    ++refused;
                    continue;
                }
                rig.store->condemn(std::vector{id});
                (void)rig.store->sweep();
            }
        });
        stop = true;
        asking.join();
        CHECK_FALSE(wrong);
        CHECK(rig.store->sweep().empty());
        CHECK(rig.pool.devices().size() == 1);
        CHECK(rig.contents().state.size() == 1);
        CHECK(rig.contents().header.generation > 1);
        CHECK(rig.contents().transaction.value() == rig.pool.transaction());
    }

    TEST_CASE("one refused member of a group does not hurt the others") {
        StoreRig rig;
        for (int i = 0; i < 20; ++i)
            rig.store->commit(new_container(fmt::format("c{}", i)));
        std::vector<DeviceId> all;
        for (int i = 0; i < 20; ++i)
            all.push_back(rig.device_of(fmt::format("c{}", i)).value());
        rig.store->condemn(all);
        rig.pool.use(all[3]);
        rig.pool.on_call(
            [](const std::string&) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
        std::atomic<int> busy = 0;
        in_threads(all.size(), [&](std::size_t i) {
            try {
                rig.store->commit(
                    proposing({{DeleteDevice{all[i]}}, {journal::ContainerRemoved{all[i]}}}));
            } catch (const Error& error) {
                if (error.kind() == Errc::busy && i == 3)
                    ++busy;
            }
        });
        CHECK(busy == 1);
        CHECK(rig.pool.devices() == std::set{all[3]});
        CHECK(rig.contents().state.size() == 1);
    }

    TEST_CASE("a failure reaches everybody who waited for it") {
        StoreRig rig;
        std::atomic<int> first = 0;
        rig.pool.on_call([&](const std::string&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            if (first++ == 1)
                rig.pool.fail(true);
        });
        std::atomic<int> failed = 0;
        std::atomic<int> done = 0;
        in_threads(50, [&](std::size_t i) {
            try {
                rig.store->commit(new_container(fmt::format("c{}", i)));
                ++done;
            } catch (Error& error) {
                error.add_context(fmt::format("thread {}", i)); // an object of its own
                if (std::string(error.what()).find("outcome unknown") != std::string::npos)
                    ++failed;
            }
        });
        CHECK(done >= 1);
        CHECK(done + failed == 50);
        rig.pool.on_call(nullptr);
        rig.pool.set_mode(PoolMode::write);
        rig.open();
        CHECK(rig.store->read([](const journal::State& s) { return s.size(); }) ==
              rig.pool.devices().size());
    }
}

} // namespace thinsnap::test
