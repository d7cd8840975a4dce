#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/file_use.hpp"
#include "attach/recovery.hpp"

#include "support/attach_harness.hpp"
#include "support/skip.hpp"
#include "support/victim.hpp"

namespace thinsnap::test {

using namespace std::chrono_literals;
using attach::ActiveDevice;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

bool is_loop_bound(const std::string& path) {
    return attach::find_loop(static_cast<unsigned>(std::stoul(path.substr(9)))).has_value();
}

/// Takes a mount away at the end of a case, frozen or not: else nobody could remove its directory.
class AtEnd {
public:
    explicit AtEnd(std::string directory)
        : directory_(std::move(directory)) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() {
        const Fd root(::open(directory_.c_str(), O_RDONLY | O_CLOEXEC));
        ::ioctl(root.get(), FITHAW, 0);
        ::umount2(directory_.c_str(), MNT_DETACH);
    }

private:
    std::string directory_;
};

} // namespace

TEST_SUITE("attach.recovery") {
    TEST_CASE("a killed server's devices and mounts are cleaned up and named") {
        if (why_no_attach())
            return skip(*why_no_attach());
        TempDir temp;
        const std::string base = temp / "run";
        Victim server([&] {
            make_temporary_files_in(temp.path());
            auto* harness = new AttachHarness({.data_chunks = 2048}, base);
            const ActiveDevice first = harness->make_active(1, 32 * kMiB);
            AttachHarness::make_file_system(first);
            harness->make_active(2, 32 * kMiB);
            return first.path;
        });
        const std::string path = server.told();
        REQUIRE(path.starts_with("/dev/loop"));
        const std::string directory = temp / "mnt";
        ::mkdir(directory.c_str(), 0700);
        const AtEnd at_end(directory);
        attach::mount_ext4(path, directory, false);
        // Somebody else's mount namespace keeps a copy of the mount.
        const Victim other([] {
            return ::unshare(CLONE_NEWNS) == 0 ? std::string("ready") : std::string("failed");
        });
        std::ofstream(directory + "/file") << "not flushed";

        server.kill();
        const attach::RuntimeDirectory runtime(base, AttachHarness::uuid());
        struct stat st {};
        CHECK(::stat(runtime.devices().c_str(), &st) == -1);
        CHECK(errno == ENOTCONN);
        CHECK(runtime.read().size() == 2);

        const attach::CleanedUp cleaned = attach::clean_up(runtime);
        REQUIRE(cleaned.devices.size() == 2);
        CHECK(cleaned.problems.empty());
        CHECK(cleaned.devices[0].name == "device 1");
        CHECK(cleaned.devices[0].path == path);
        REQUIRE(cleaned.devices[0].mount_points.size() == 2);
        CHECK(std::ranges::count(cleaned.devices[0].mount_points, directory) == 1);
        CHECK(cleaned.devices[1].name == "device 2");
        CHECK(cleaned.devices[1].mount_points.empty());
        CHECK(becomes_true([&] { return !is_loop_bound(path); }));
        CHECK(count_resources(temp.path()).mounts == 0);
        CHECK(runtime.read().empty());
        CHECK(attach::clean_up(runtime).devices.empty());

        AttachHarness again({.data_chunks = 2048}, base);
        CHECK(again.make_active(1, 32 * kMiB).path.starts_with("/dev/loop"));
    }

    TEST_CASE("a file system that was frozen when its server died does not keep its loop device") {
        if (why_no_attach())
            return skip(*why_no_attach());
        TempDir temp;
        const std::string base = temp / "run";
        Victim server([&] {
            make_temporary_files_in(temp.path());
            auto* harness = new AttachHarness({.data_chunks = 2048}, base);
            const ActiveDevice device = harness->make_active(1, 32 * kMiB);
            AttachHarness::make_file_system(device);
            return device.path;
        });
        const std::string path = server.told();
        REQUIRE(path.starts_with("/dev/loop"));
        const std::string directory = temp / "mnt";
        ::mkdir(directory.c_str(), 0700);
        const AtEnd at_end(directory);
        attach::mount_ext4(path, directory, false);
        {
            const Fd root = open_file(directory, O_RDONLY);
            REQUIRE(::ioctl(root.get(), FIFREEZE, 0) == 0);
        }
        server.kill();
        const auto cleaned =
            attach::clean_up(attach::RuntimeDirectory(base, AttachHarness::uuid()));
        CHECK(cleaned.devices.size() == 1);
        CHECK(becomes_true([&] { return !is_loop_bound(path); }));
        CHECK(count_resources(temp.path()).mounts == 0);
    }

    TEST_CASE("loop devices of others are left alone") {
        if (why_no_attach())
            return skip(*why_no_attach());
        TempDir temp;
        const std::string image = temp / "image";
        std::ofstream(image) << std::string(kMiB, 'x');
        const attach::LoopDevice loop(image, {.direct_io = false});
        const attach::RuntimeDirectory runtime(temp / "run", AttachHarness::uuid());
        runtime.write({.device = {.id = DeviceId(3), .name = "gone", .path = loop.path()},
                       .loop_number = loop.number()});
        const auto cleaned = attach::clean_up(runtime);
        REQUIRE(cleaned.devices.size() == 1);
        CHECK(cleaned.devices[0].name == "gone");
        CHECK(cleaned.devices[0].path.empty());
        CHECK(attach::find_loop(loop.number()));
    }

    TEST_CASE("a server that hangs does not hold up who looks at the loop devices") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const TempDir temp;
        Victim server([&] {
            make_temporary_files_in(temp.path());
            auto* harness = new AttachHarness({.data_chunks = 2048}, temp / "run");
            return harness->make_active(1, 32 * kMiB).path;
        });
        REQUIRE(server.told().starts_with("/dev/loop"));
        ::kill(server.pid(), SIGSTOP);
        std::atomic<bool> done = false;
        std::size_t loops = 0;
        bool is_in_use = true;
        std::jthread looker([&] {
            loops = attach::list_loops().size();
            is_in_use = app::find_loop_device(temp / "run").has_value();
            done = true;
        });
        CHECK(becomes_true([&] { return done.load(); }));
        ::kill(server.pid(), SIGCONT);
        looker.join();
        CHECK(loops > 0);
        CHECK_FALSE(is_in_use);
        server.kill();
        const auto cleaned =
            attach::clean_up(attach::RuntimeDirectory(temp / "run", AttachHarness::uuid()));
        CHECK(cleaned.devices.size() == 1);
    }
}

} // namespace thinsnap::test
