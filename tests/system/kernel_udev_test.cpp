// The kernel's driver where udev runs, which the guest does without: a program of its own does the
// work, because libdevmapper looks for udev when it is loaded.

#include <cstdio>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "dm/kernel_activator.hpp"

#include "support/content.hpp"
#include "support/kernel_pool_harness.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

constexpr const char* kUdev = "/lib/systemd/systemd-udevd";

/// udev, until this goes.
class Udev {
public:
    Udev() {
        static_cast<void>(run_tool({kUdev, "--daemon"}));
        static_cast<void>(run_tool({"udevadm", "settle", "--timeout=30"}));
        pid_ = run_tool({"pidof", "systemd-udevd"}).output;
        pid_.resize(pid_.find_last_not_of('\n') + 1);
    }
    Udev(const Udev&) = delete;
    Udev& operator=(const Udev&) = delete;
    ~Udev() { static_cast<void>(run_tool({"kill", "-KILL", pid_})); }

    void stop() const { static_cast<void>(run_tool({"kill", "-STOP", pid_})); }

private:
    std::string pid_;
};

/// This program's case, with udev.
ToolRun run_case(const std::string& name) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    return run_tool({"env",
                     "-u",
                     "DM_DISABLE_UDEV",
                     "-u",
                     "THINSNAP_RESULTS",
                     self,
                     "--no-skip",
                     "--test-case=" + name});
}

/// The semaphores that wait for udev, a line each below a heading.
std::string cookies() {
    return run_tool({"dmsetup", "udevcookies"}).output;
}

} // namespace

TEST_SUITE("dm.udev") {
    TEST_CASE("helper that activates a device and prints warnings" * doctest::skip()) {
        KernelPoolHarness harness;
        apply_all(harness.pool(), {CreateThin{DeviceId(1)}});
        dm::KernelActivator activator(harness.control(), harness.pool());
        const auto device =
            activator.activate({.id = DeviceId(1), .name = "web", .size = 1U << 20U});
        CHECK(std::filesystem::exists(device.path));
        std::printf("node is a link: %d\n",
                    std::filesystem::is_symlink(device.path) ? 1 : 0); // as udev makes it
        activator.deactivate(DeviceId(1), attach::Deactivate::now);
        CHECK_FALSE(std::filesystem::exists(device.path));
        for (const std::string& warning : harness.control().take_warnings())
            std::printf("warning: %s\n", warning.c_str());
        CHECK(harness.control().take_warnings().empty());
    }

    TEST_CASE("where udev runs it makes the nodes and is waited for") {
        if (!std::filesystem::exists(kUdev))
            return skip("udev is not installed");
        const Udev udev;
        const ToolRun run = run_case("helper that activates*");
        CHECK(run.status == 0);
        CHECK(run.output.find("node is a link: 1") != std::string::npos);
        CHECK(run.output.find("warning") == std::string::npos);
        CHECK(cookies().find("0x") == std::string::npos);
    }

    TEST_CASE("an udev that does not answer is waited for once and done without") {
        if (!std::filesystem::exists(kUdev))
            return skip("udev is not installed");
        const Udev udev;
        udev.stop();
        const ToolRun run = run_case("helper that activates*");
        CHECK(run.status == 0);
        CHECK(run.output.find("node is a link: 0") != std::string::npos);
        CHECK(run.output.find("udev has not answered within 10 s") != std::string::npos);
        CHECK(cookies().find("0x") == std::string::npos);
    }
}

} // namespace thinsnap::test
