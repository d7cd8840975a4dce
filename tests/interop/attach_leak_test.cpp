#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "support/attach_harness.hpp"
#include "support/content.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kSize = std::uint64_t{32} << 20U;

/// Bytes of this process that are in memory.
std::uint64_t resident() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t total = 0;
    std::uint64_t pages = 0;
    file >> total >> pages;
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Creates a container from device 1, activates, mounts and writes it, and takes all that back.
void live_and_die(AttachHarness& harness, std::uint32_t id, const std::string& directory) {
    harness.snapshot(id, 1);
    {
        const MountedDevice mount(harness.activate(id, kSize), directory);
        std::ofstream(directory + "/file") << std::string(100'000, 'x');
        mount.unmount();
    }
    harness.activator().deactivate(DeviceId(id), attach::Deactivate::now);
    apply_all(harness.pool(), {DeleteDevice{DeviceId(id)}});
}

} // namespace

TEST_SUITE("attach.leak") {
    TEST_CASE("containers that come and go leave nothing behind") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        AttachHarness::make_file_system(harness.make_active(1, kSize));
        harness.activator().deactivate(DeviceId(1), attach::Deactivate::now);
        const std::string directory = harness.make_directory("mnt");
        constexpr int kWarmUp = 50; // caches fill
        for (std::uint32_t round = 0; round < kWarmUp; ++round)
            live_and_die(harness, 2 + round, directory);
        const Resources before = count_resources(harness.runtime_base());
        const std::uint64_t memory = resident();
        const std::uint64_t chunks = harness.pool().status().data.used;
        const std::uint32_t rounds = long_run() ? 10'000 : 300;
        for (std::uint32_t round = 0; round < rounds; ++round)
            live_and_die(harness, 100 + round, directory);
        CHECK(count_resources(harness.runtime_base()) == before);
        CHECK(harness.directory().read().empty());
        CHECK(harness.pool().status().data.used == chunks);
        CHECK(harness.pool().status().devices == 1);
        const auto grown = static_cast<std::int64_t>(resident() - memory);
        MESSAGE(rounds, " rounds, ", (grown / 1024), " KiB more memory");
#ifndef __SANITIZE_ADDRESS__ // that keeps freed memory for a while
        CHECK(grown < std::int64_t{8} << 20U);
#endif
    }

    TEST_CASE("a container that stays is seen as a leak") { // so that the last case can fail
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const std::string base = harness.runtime_base();
        harness.make_active(1, kSize);
        const Resources before = count_resources(base);
        harness.make_active(2, kSize);
        const Resources after = count_resources(base);
        CHECK(after.descriptors > before.descriptors);
        CHECK(after.loops > before.loops);
        CHECK_FALSE(after == before);
    }
}

} // namespace thinsnap::test
