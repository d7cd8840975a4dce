#include <chrono>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "attach/freezer.hpp"

#include "support/attach_harness.hpp"
#include "support/skip.hpp"
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
        const ActiveDevice device = harness.make_active(1, 32 * kMiB);
        AttachHarness::make_file_system(device);
        return device;
    }
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
}

} // namespace thinsnap::test
