#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/freezer.hpp"
#include "base/fd.hpp"
#include "base/mutex.hpp"
#include "engine/embedded_pool.hpp"
#include "io/forwarding_device.hpp"
#include "thin/format_pool.hpp"

#include "support/attach_harness.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/sparse_device.hpp"
#include "support/victim.hpp"

namespace thinsnap::test {

using namespace std::chrono_literals;
using attach::ActiveDevice;
using attach::FrozenFileSystem;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

/// A mounted file system of 32 MiB whose server is this process.
struct Mounted {
    AttachHarness harness;
    ActiveDevice device{make(harness)};
    MountedDevice mount{device, harness.make_directory("mnt")};
    const std::string& directory{mount.directory()};
    const attach::MountPlace place{mount.place()};

private:
    static ActiveDevice make(AttachHarness& harness) {
        ActiveDevice device = harness.make_active(1, 32 * kMiB);
        AttachHarness::make_file_system(device);
        return device;
    }
};

/// Writes and syncs until it is killed.
void write_on(const std::string& directory) {
    const Fd file = open_file(directory + "/busy", O_RDWR | O_CREAT);
    constexpr off_t piece = 256 << 10;
    const std::vector<char> bytes(piece, 'w');
    for (off_t i = 0;; ++i) {
        static_cast<void>(!::pwrite(file.get(), bytes.data(), bytes.size(), i % 8 * piece));
        if (i % 4 == 0)
            ::fdatasync(file.get());
    }
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 start);
}

/// Writes a few bytes every now and then. \return how long the slowest write took
std::chrono::milliseconds longest_write(const std::string& directory,
                                        const std::atomic<bool>& stop) {
    const Fd file = open_file(directory + "/small", O_RDWR | O_CREAT);
    auto longest = 0ms;
    while (!stop) {
        const auto start = std::chrono::steady_clock::now();
        static_cast<void>(!::pwrite(file.get(), "x", 1, 0));
        longest = std::max(longest, since(start));
        std::this_thread::sleep_for(5ms);
    }
    return longest;
}

/// A disk that writes 10 MiB a second once it is told to.
class SlowDevice final : public io::ForwardingDevice {
public:
    using io::ForwardingDevice::ForwardingDevice;
    void set_slow(bool slow) { slow_ = slow; }

    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        if (slow_) {
            const MutexLock lock(mutex_); // one after the other
            std::this_thread::sleep_for(std::chrono::nanoseconds(from.size() * 100));
        }
        inner().write(offset, from);
    }

private:
    std::atomic<bool> slow_ = false;
    Mutex mutex_;
};

/// A pool whose data lies on a SlowDevice.
struct SlowDisks {
    SlowDisks() {
        thin::format_pool(metadata, {.chunk_size = kChunk, .nr_data_chunks = kChunks});
        pool = engine::open_embedded_pool(metadata, data);
    }
    static constexpr std::uint64_t kChunk = 64U << 10U;
    static constexpr std::uint64_t kChunks = 1024;
    SparseDevice metadata{4 * kMiB};
    SparseDevice memory{kChunks * kChunk};
    SlowDevice data{memory};
    std::unique_ptr<ThinPool> pool;
};

} // namespace

TEST_SUITE("attach.freezer") {
    TEST_CASE("a frozen file system takes no writes until it is thawed") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        FrozenFileSystem frozen(mounted.place, {});
        CHECK_FALSE(can_write(mounted.directory, 300ms));
        CHECK_THROWS_AS(FrozenFileSystem(mounted.place, {}), Error);
        frozen.thaw();
        CHECK(can_write(mounted.directory, 3s));
    }

    TEST_CASE("the watchdog thaws after the limit and the freezer learns of it") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        FrozenFileSystem frozen(mounted.place, {.limit = 300ms});
        CHECK(can_write(mounted.directory, 3s));
        std::this_thread::sleep_for(100ms);
        CHECK_THROWS_AS(frozen.thaw(), Error);
    }

    TEST_CASE("a killed freezer leaves nothing frozen") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        Victim freezer([&] {
            new FrozenFileSystem(mounted.place, {.limit = 60s});
            return std::string("frozen");
        });
        REQUIRE(freezer.told() == "frozen");
        CHECK_FALSE(can_write(mounted.directory, 300ms));
        freezer.kill();
        CHECK(can_write(mounted.directory, 3s));
    }

    TEST_CASE("without a watchdog a killed freezer leaves it frozen") { // so the last case can fail
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        Victim freezer([&] {
            const Fd root = open_file(mounted.directory, O_RDONLY);
            return std::string(::ioctl(root.get(), FIFREEZE, 0) == 0 ? "frozen" : "failed");
        });
        REQUIRE(freezer.told() == "frozen");
        freezer.kill();
        CHECK_FALSE(can_write(mounted.directory, 500ms));
        CHECK(attach::thaw_place(mounted.place));
        CHECK_FALSE(attach::thaw_place(mounted.place));
    }

    TEST_CASE("the file system that holds the pool is not frozen") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        try {
            const FrozenFileSystem frozen(mounted.place,
                                          {.pool_file_system = mounted.place.device});
            FAIL("it was frozen");
        } catch (const Error& error) {
            CHECK(error.kind() == Errc::precondition);
        }
        CHECK(can_write(mounted.directory, 3s));
    }

    TEST_CASE("a mount of another namespace is frozen through a process that sees it") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        const Victim other(
            [&] { return std::string(::unshare(CLONE_NEWNS) == 0 ? "ready" : "failed"); });
        REQUIRE(other.told() == "ready");
        attach::unmount(mounted.directory, attach::Unmount::now);
        const auto places = attach::find_mounts(mounted.device.device);
        REQUIRE(places.size() == 1);
        CHECK(places[0].pid == other.pid());
        {
            FrozenFileSystem frozen(places[0], {});
            CHECK_FALSE(can_write(attach::reachable_path(places[0]), 300ms));
            frozen.thaw();
        }
        CHECK(can_write(attach::reachable_path(places[0]), 3s));
        attach::unmount_lazily(places[0]);
        CHECK(attach::find_mounts(mounted.device.device).empty());
    }

    TEST_CASE("a freeze is limited to ten seconds") {
        CHECK(attach::FreezeOptions{}.limit <= 10s);
    }

    TEST_CASE("a writer killed while it is frozen out is gone after the thaw") {
        if (why_no_attach())
            return skip(*why_no_attach());
        Mounted mounted;
        FrozenFileSystem frozen(mounted.place, {});
        Victim writer([] { return "ready"; }, [&] { write_on(mounted.directory); });
        std::this_thread::sleep_for(200ms); // it waits by now
        writer.kill_and_leave();
        frozen.thaw();
        CHECK(writer.is_gone(10s));
        CHECK(can_write(mounted.directory, 3s));
        mounted.mount.unmount();
        mounted.harness.activator().deactivate(DeviceId(1), attach::Deactivate::now);
    }

    TEST_CASE("a freezer that stands still is relieved by its watchdog") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        const Victim writer([] { return "ready"; }, [&] { write_on(mounted.directory); });
        const Victim freezer([&] {
            new FrozenFileSystem(mounted.place, {.limit = 1s});
            return "frozen";
        });
        REQUIRE(freezer.told() == "frozen");
        ::kill(freezer.pid(), SIGSTOP);
        CHECK_FALSE(can_write(mounted.directory, 300ms));
        CHECK(can_write(mounted.directory, 9s));
    }

    TEST_CASE("a freezer killed at any moment leaves nothing frozen") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const Mounted mounted;
        const Victim writer([] { return "ready"; }, [&] { write_on(mounted.directory); });
        Random random(test_seed());
        for (int round = 0; round < (long_run() ? 200 : 10); ++round) {
            CAPTURE(round);
            Victim freezer([] { return "ready"; },
                           [&] {
                               for (;;)
                                   FrozenFileSystem(mounted.place, {}).thaw();
                           });
            std::this_thread::sleep_for(std::chrono::milliseconds(random.below(150)));
            freezer.kill();
            REQUIRE(can_write(mounted.directory, 10s));
        }
    }

    TEST_CASE("writers wait for a freeze and not for what was dirty before it") {
        if (why_no_attach())
            return skip(*why_no_attach());
        SlowDisks disks;
        AttachHarness harness(*disks.pool);
        const ActiveDevice device = harness.make_active(1, 32 * kMiB);
        AttachHarness::make_file_system(device);
        const MountedDevice mount(device, harness.make_directory("mnt"));
        const std::vector<char> dirt(16 * kMiB, 'd');
        const Fd big = open_file(mount.directory() + "/big", O_RDWR | O_CREAT);
        disks.data.set_slow(true); // the kernel may begin to write back at once
        const auto start = std::chrono::steady_clock::now();
        REQUIRE(::write(big.get(), dirt.data(), dirt.size()) == static_cast<ssize_t>(dirt.size()));
        auto waited = 0ms;
        {
            std::atomic<bool> stop = false;
            std::jthread writer([&] { waited = longest_write(mount.directory(), stop); });
            FrozenFileSystem frozen(mount.place(), {});
            frozen.thaw();
            stop = true;
        }
        const auto took = since(start);
        disks.data.set_slow(false);
        MESSAGE("writing and freezing took ",
                took.count(),
                " ms, a writer waited ",
                waited.count(),
                " ms");
        CHECK(took > 1s);
        CHECK(waited < took / 2);
    }
}

} // namespace thinsnap::test
