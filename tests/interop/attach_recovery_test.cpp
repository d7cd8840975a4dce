#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/child_process.hpp"
#include "attach/freezer.hpp"
#include "attach/recovery.hpp"

#include "support/attach_harness.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

using namespace std::chrono_literals;
using attach::ActiveDevice;
using attach::FrozenFileSystem;
using attach::MountPlace;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

/// A process that does something and then waits to be killed; it is, in the end. It tells one line.
class Victim {
public:
    explicit Victim(const std::function<std::string()>& work) {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        const Fd from(ends[0]);
        Fd to(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            std::string line;
            try {
                line = work();
            } catch (const std::exception& error) {
                line = std::string("failed: ") + error.what();
            }
            line += '\n';
            static_cast<void>(!::write(to.get(), line.data(), line.size()));
            for (;;)
                ::pause();
        }
        to.reset();
        for (char c = 0; ::read(from.get(), &c, 1) == 1 && c != '\n';)
            told_ += c;
    }
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;
    ~Victim() { kill(); }

    void kill() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        pid_ = -1;
    }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const std::string& told() const { return told_; }

private:
    pid_t pid_ = -1;
    std::string told_;
};

template <class Done>
bool becomes_true(Done done, std::chrono::milliseconds within = 3s) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

bool is_loop_bound(const std::string& path) {
    return attach::find_loop(static_cast<unsigned>(std::stoul(path.substr(9)))).has_value();
}

/// A mounted file system of 32 MiB whose server is this process.
struct Mounted {
    Mounted()
        : device(harness.make_active(1, 32 * kMiB))
        , directory(harness.make_directory("mnt")) {
        AttachHarness::make_file_system(device);
        attach::mount_ext4(device.path, directory, false);
        place = attach::find_mounts(device.device).at(0);
    }
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted() {
        try {
            static_cast<void>(attach::thaw_place(place));
        } catch (const Error&) { // it is not mounted any more
        }
        ::umount2(directory.c_str(), MNT_DETACH);
    }

    AttachHarness harness;
    ActiveDevice device;
    std::string directory;
    MountPlace place;
};

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

/// Whether a new file can be made within that time: not while the file system is frozen.
bool can_write(const std::string& directory, std::chrono::milliseconds within) {
    const std::string path = directory + "/probe";
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ::_exit(fd >= 0 && ::write(fd, "x", 1) == 1 ? 0 : 1);
    }
    int status = -1;
    const bool ended =
        becomes_true([&] { return ::waitpid(child, &status, WNOHANG) == child; }, within);
    if (!ended) { // it ends when the file system is thawed
        ::kill(child, SIGKILL);
        std::thread([child] { ::waitpid(child, nullptr, 0); }).detach();
    }
    return ended && status == 0;
}

} // namespace

TEST_SUITE("attach.recovery") {
    TEST_CASE("a killed server's devices and mounts are cleaned up and named") {
        if (why_no_attach())
            return skip(*why_no_attach());
        TempDir temp;
        const std::string base = temp / "run";
        Victim server([&] {
            ::setenv("TMPDIR", temp.path().c_str(), 1); // nobody removes what it makes
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
            ::setenv("TMPDIR", temp.path().c_str(), 1); // nobody removes what it makes
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
}

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
