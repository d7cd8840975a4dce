#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "support/attach_harness.hpp"
#include "support/promised_file.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kSize = std::uint64_t{64} << 20U;
constexpr std::uint32_t kWriters = 10;
constexpr std::size_t kBlocks = 6000; // of each writer's file: together more than the pool has
constexpr std::uint64_t kChunks = 1500;

/// Ten containers in a pool that cannot hold what their writers want.
class Crowd {
public:
    explicit Crowd(std::chrono::milliseconds no_space_wait = 0ms)
        : harness({.data_chunks = kChunks,
                   .metadata_bytes = 8U << 20U,
                   .no_space_wait = no_space_wait}) {
        for (std::uint32_t id = 1; id <= kWriters; ++id) {
            AttachHarness::make_file_system(harness.make_active(id, kSize));
            directories_.push_back(harness.make_directory(fmt::format("mnt{}", id)));
            files_.push_back(std::make_unique<PromisedFile>("file", id, kBlocks));
        }
        mount();
    }

    void mount() {
        for (std::uint32_t id = 1; id <= kWriters; ++id)
            mounts_.push_back(std::make_unique<MountedDevice>(
                *harness.activator().find(DeviceId(id)), directories_.at(id - 1)));
    }
    void unmount() {
        for (const auto& mount : mounts_)
            mount->unmount();
        mounts_.clear();
    }

    /// All write until they have been refused space for `after`, or for `at_most`.
    std::vector<WritingEnd> write(std::chrono::milliseconds after,
                                  std::chrono::milliseconds at_most) {
        std::vector<WritingEnd> ends(kWriters);
        std::atomic<bool> stop = false;
        std::vector<std::jthread> threads;
        const std::uint64_t seed = test_seed();
        for (std::size_t i = 0; i < kWriters; ++i)
            threads.emplace_back([&, i] {
                const WritingOptions how{
                    .seed = mix(seed, i), .longest = 64, .sync_each = 4, .go_on = true};
                ends[i] = files_[i]->write(directories_[i], how, stop);
            });
        const auto deadline = std::chrono::steady_clock::now() + at_most;
        while (harness.pool().status().mode == PoolMode::write &&
               std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(10ms);
        std::this_thread::sleep_for(after);
        stop = true;
        threads.clear();
        return ends;
    }

    /// What is wrong with what was promised.
    [[nodiscard]] std::vector<std::string> violations() const {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < kWriters; ++i)
            if (auto wrong = files_[i]->judge(directories_[i]); !wrong.empty())
                all.push_back(std::move(wrong));
        return all;
    }

    AttachHarness harness;

private:
    std::vector<std::string> directories_;
    std::vector<std::unique_ptr<PromisedFile>> files_;
    std::vector<std::unique_ptr<MountedDevice>> mounts_;
};

void require_prompt(const std::vector<WritingEnd>& ends) {
    for (const WritingEnd& end : ends) {
        CAPTURE(end.failed_call);
        CAPTURE(end.error);
        CHECK((end.error == ENOSPC || end.error == EIO || end.error == EROFS));
        CHECK(end.other_errors.empty());
        CHECK(end.slowest < 2s);
        CHECK(end.syncs > 0);
    }
    MESSAGE("slowest call ",
            std::ranges::max_element(ends, {}, &WritingEnd::slowest)->slowest.count(),
            " ms");
}

void require_intact(const Crowd& crowd) {
    for (const std::string& text : crowd.violations())
        FAIL_CHECK(text);
}

} // namespace

TEST_SUITE("attach.full_pool") {
    TEST_CASE("ten writers of a full pool get errors at once and keep what they had synced") {
        if (why_no_attach())
            return skip(*why_no_attach());
        Crowd crowd;
        const auto ends = crowd.write(3s, 60s);
        CHECK(crowd.harness.pool().status().mode == PoolMode::out_of_data_space);
        require_prompt(ends);
        require_intact(crowd);
        crowd.unmount();

        crowd.harness.grow_pool(kChunks * 5);
        for (const auto& device : crowd.harness.activator().list()) {
            const ToolRun run = run_tool({"e2fsck", "-p", device.path});
            INFO(run.output);
            CHECK(run.status <= 1);
        }
        crowd.mount();
        require_intact(crowd);
        for (const WritingEnd& end : crowd.write(0s, 1s)) {
            CAPTURE(end.failed_call);
            CHECK(end.error == 0);
            CHECK(end.syncs > 0);
        }
        require_intact(crowd);
        crowd.unmount();
        for (const auto& device : crowd.harness.activator().list())
            CHECK(run_tool({"e2fsck", "-fn", device.path}).status == 0);
    }

    TEST_CASE("writers of a full pool that waits for space are slow") { // so the last case can fail
        if (why_no_attach())
            return skip(*why_no_attach());
        Crowd crowd(2500ms);
        const auto ends = crowd.write(3s, 60s);
        crowd.harness.grow_pool(kChunks * 5); // so that the unmounting need not wait as well
        CHECK(std::ranges::max_element(ends, {}, &WritingEnd::slowest)->slowest >= 2s);
    }
}

} // namespace thinsnap::test
