// The kernel's activator and pool on a real kernel; run in the guest with the cases of every
// driver.

#include "dm/kernel_activator.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "attach/mounts.hpp"
#include "base/fd.hpp"
#include "io/file_device.hpp"

#include "support/content.hpp"
#include "support/kernel_pool_harness.hpp"
#include "support/temp_dir.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;
using attach::ActiveDevice;
using attach::Deactivate;

constexpr DeviceId kOne{1};
constexpr DeviceId kTwo{2};
constexpr std::uint64_t kMiB = 1U << 20U;

/// Device 1 of a pool, and what makes it a block device.
class ActiveRig {
public:
    ActiveRig() { apply_all(harness_.pool(), {CreateThin{kOne}}); }

    [[nodiscard]] KernelPoolHarness& harness() { return harness_; }
    [[nodiscard]] ThinPool& pool() { return harness_.pool(); }
    [[nodiscard]] dm::KernelActivator activator() {
        return dm::KernelActivator(harness_.control(), harness_.pool());
    }
    ActiveDevice activate(bool read_only = false) {
        return activator().activate(
            {.id = kOne, .name = "web", .size = 8 * kMiB, .read_only = read_only});
    }
    [[nodiscard]] std::string name() { return harness_.pool().names().active(kOne); }

private:
    KernelPoolHarness harness_;
};

io::FileDevice open_block_device(const ActiveDevice& device) {
    return io::FileDevice(device.path, {.exclusive = false});
}

/// An ext4 file system on an active device, mounted until this goes.
class Mounted {
public:
    explicit Mounted(const ActiveDevice& device)
        : directory_(temp_ / "mnt") {
        fs::create_directory(directory_);
        attach::mount_ext4(device.path, directory_.string(), false);
    }
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted() { attach::unmount(directory_.string(), attach::Unmount::now); }

    void write(const std::string& file, const std::string& text) const {
        std::ofstream(directory_ / file) << text;
    }
    [[nodiscard]] std::string read(const std::string& file) const {
        std::ifstream in(directory_ / file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    [[nodiscard]] Fd open() const { return open_file(directory_.string(), O_RDONLY | O_DIRECTORY); }

private:
    TempDir temp_;
    fs::path directory_;
};

/// Whether device 1 goes: the kernel removes it a moment after its last user.
bool goes(dm::KernelActivator& activator) {
    for (int i = 0; i < 500; ++i) {
        if (!activator.find(kOne))
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

void make_file_system(const ActiveDevice& device) {
    const ToolRun made = run_tool({"mkfs.ext4", "-q", "-E", "nodiscard", device.path});
    REQUIRE(made.status == 0);
}

} // namespace

TEST_SUITE("dm.active") {
    TEST_CASE("an active device is a block device with the thin device's bytes") {
        ActiveRig rig;
        write_pattern(*rig.pool().open_device(kOne, {}), 1, 0, kMiB);
        const ActiveDevice device = rig.activate();
        {
            auto block = open_block_device(device);
            CHECK(block.size() == 8 * kMiB);
            CHECK(holds_pattern(block, 1, 0, kMiB));
            write_pattern(block, 2, kMiB, kMiB);
        }
        rig.activator().deactivate(kOne, Deactivate::now);
        CHECK_FALSE(fs::exists(device.path));
        CHECK(holds_pattern(*rig.pool().open_device(kOne, {}), 2, kMiB, kMiB));
    }

    TEST_CASE("a device that is active for reading takes no writes") {
        ActiveRig rig;
        const ActiveDevice device = rig.activate(true);
        CHECK(device.read_only);
        auto block = open_block_device(device); // which the kernel allows
        CHECK(failure_of([&] { write_pattern(block, 1, 0, 4096); }).has_value());
        CHECK(failure_of([&] { block.discard(0, kMiB); }).has_value());
        CHECK(holds_zeros(block, 0, kMiB));
    }

    TEST_CASE("a device in use is not deactivated and goes with its last user") {
        ActiveRig rig;
        auto activator = rig.activator();
        const ActiveDevice device =
            activator.activate({.id = kOne, .name = "web", .size = 8 * kMiB});
        {
            auto block = open_block_device(device);
            CHECK_FALSE(activator.try_deactivate(kOne));
            CHECK(failure_of([&] { activator.deactivate(kOne, Deactivate::now); }) == Errc::busy);
            activator.deactivate(kOne, Deactivate::when_unused);
            CHECK(activator.find(kOne)->leaving);
            write_pattern(block, 1, 0, kMiB);
        }
        CHECK(goes(activator));
        CHECK(holds_pattern(*rig.pool().open_device(kOne, {}), 1, 0, kMiB));
        CHECK_NOTHROW(apply_all(rig.pool(), {DeleteDevice{kOne}}));
    }

    TEST_CASE("a revoked device fails for whoever has it open") {
        ActiveRig rig;
        auto activator = rig.activator();
        const ActiveDevice device = rig.activate();
        {
            auto block = open_block_device(device);
            write_pattern(block, 1, 0, kMiB);
            activator.revoke(kOne);
            CHECK(failure_of([&] { static_cast<void>(holds_zeros(block, 0, 4096)); }) == Errc::io);
            CHECK(failure_of([&] { write_pattern(block, 2, 0, 4096); }) == Errc::io);
            CHECK(activator.find(kOne)->leaving);
        }
        CHECK(goes(activator));
    }

    TEST_CASE("a device grows under a mounted file system") {
        ActiveRig rig;
        const ActiveDevice device = rig.activate();
        make_file_system(device);
        const Mounted mounted(device);
        rig.activator().resize(kOne, 16 * kMiB);
        CHECK(open_block_device(device).size() == 16 * kMiB);
        CHECK(run_tool({"resize2fs", device.path}).status == 0);
        mounted.write("large", std::string(9 * kMiB, 'x'));
        CHECK(mounted.read("large").size() == 9 * kMiB);
    }

    TEST_CASE("a snapshot of a mounted container holds what was written without a sync") {
        ActiveRig rig;
        const ActiveDevice device = rig.activate();
        make_file_system(device);
        const Mounted mounted(device);
        mounted.write("file", "written before");
        SUBCASE("the kernel freezes it") {
            apply_all(rig.pool(), {CreateSnapshot{kTwo, kOne}});
        }
        SUBCASE("it is frozen already") {
            const Fd directory = mounted.open();
            REQUIRE(::ioctl(directory.get(), FIFREEZE, 0) == 0);
            CHECK(failure_of([&] {
                      apply_all(rig.pool(), {CreateSnapshot{kTwo, kOne}});
                  }) == std::nullopt);
            REQUIRE(::ioctl(directory.get(), FITHAW, 0) == 0);
        }
        mounted.write("file", "written behind"); // it runs
        const ActiveDevice snapshot =
            rig.activator().activate({.id = kTwo, .name = "snapshot", .size = 8 * kMiB});
        CHECK(run_tool({"e2fsck", "-fn", snapshot.path}).status == 0);
        const Mounted second(snapshot);
        CHECK(second.read("file") == "written before");
    }

    TEST_CASE("what is active stays when its process goes and is found by the next") {
        ActiveRig rig;
        const ActiveDevice device = rig.activate();
        auto block = open_block_device(device);
        write_pattern(block, 1, 0, kMiB);
        rig.harness().reopen();
        CHECK(holds_pattern(block, 1, 0, kMiB));
        const auto found = rig.activator().find(kOne);
        REQUIRE(found.has_value());
        CHECK(found->device == device.device);
        CHECK(found->size == 8 * kMiB);
        CHECK(failure_of([&] { apply_all(rig.pool(), {DeleteDevice{kOne}}); }) == Errc::busy);
    }

    TEST_CASE("a device that a crash left suspended runs again when the pool is opened") {
        ActiveRig rig;
        const ActiveDevice device = rig.activate();
        rig.harness().control().suspend(rig.name(), dm::Suspend::flush);
        rig.harness().reopen();
        auto block = open_block_device(device);
        CHECK_NOTHROW(write_pattern(block, 1, 0, 4096)); // would hang
    }

    TEST_CASE("what a crash left of our own goes when the pool is opened") {
        ActiveRig rig;
        auto& control = rig.harness().control();
        const dm::Names names = rig.harness().pool().names();
        static_cast<void>(rig.activate()); // so that the kernel's pool outlives our object
        control.create({.name = names.internal(kOne),
                        .target = dm::thin_target(rig.harness().pool().number(), kOne, kMiB),
                        .is_private = true});
        control.message(names.pool(), "reserve_metadata_snap");
        rig.harness().reopen();
        CHECK_FALSE(control.find(names.internal(kOne)).has_value());
        CHECK_FALSE(rig.pool().status().held_root.has_value());
        CHECK(device_ids(rig.pool()).size() == 1);
    }

    TEST_CASE("who writes to an active device of a full pool gets an error at once") {
        KernelPoolHarness harness({.data_chunks = 50});
        apply_all(harness.pool(), {CreateThin{kOne}});
        dm::KernelActivator activator(harness.control(), harness.pool());
        const ActiveDevice device =
            activator.activate({.id = kOne, .name = "web", .size = 8 * kMiB});
        auto block = open_block_device(device);
        const auto begin = std::chrono::steady_clock::now();
        CHECK(failure_of([&] { write_pattern(block, 1, 0, 8 * kMiB); }) == Errc::no_space);
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
        CHECK(harness.pool().status().mode == PoolMode::out_of_data_space);
        harness.enlarge_data(std::uint64_t{200} * 65536);
        harness.pool().grow_data(std::uint64_t{200} * 65536);
        CHECK_NOTHROW(write_pattern(block, 1, 0, 8 * kMiB));
    }

    TEST_CASE("a deleted device gives its space back to the file") {
        KernelPoolHarness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        write_pattern(*harness.pool().open_device(kOne, {}), 1, 0, 10 * kMiB);
        apply_all(harness.pool(), {CreateSnapshot{kTwo, kOne}});
        write_pattern(*harness.pool().open_device(kTwo, {}), 2, 0, 2 * kMiB);
        harness.pool().commit();
        CHECK(harness.data().allocated() >= 12 * kMiB);
        apply_all(harness.pool(), {DeleteDevice{kOne}}); // of which 8 MiB are shared
        CHECK(harness.data().allocated() <= 10 * kMiB + kMiB / 2);
        CHECK(harness.data().allocated() >= 10 * kMiB);
        CHECK(holds_pattern(*harness.pool().open_device(kTwo, {}), 1, 2 * kMiB, 8 * kMiB));
    }
}

} // namespace thinsnap::test
