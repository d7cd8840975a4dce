#include <chrono>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "attach/recovery.hpp"

#include "support/attach_harness.hpp"
#include "support/forgetful_pool.hpp"
#include "support/metadata_check.hpp"
#include "support/pool_files.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"
#include "support/victim.hpp"

#include "interop/container_life.hpp"

// The process that serves the devices of mounted containers is killed while they are written to.

namespace thinsnap::test {

namespace {

constexpr std::uint32_t kContainers = 3;
constexpr std::uint64_t kDataBytes = std::uint64_t{600} << 20U;

enum class Server { honest, forgetful };

/// A pool in files, and a server of it that lives as long as one round.
class KillRig {
public:
    KillRig() {
        PoolFiles files(directory(), kDataBytes, false);
        {
            AttachHarness harness(*files.pool);
            ContainerLife::prepare(harness, kContainers);
        }
        files.pool->commit();
    }

    /// Serves and mounts the containers while `work` goes on in them, kills the server, ends the
    /// work, and cleans up after the dead server.
    void round(const std::function<void(const std::vector<std::string>&)>& work,
               const std::function<void()>& after_kill,
               Server kind = Server::honest) {
        Victim server([&] { return serve(kind); });
        INFO(server.told());
        REQUIRE(server.told().starts_with("/dev/loop"));
        std::istringstream devices(server.told());
        std::vector<std::string> mounted;
        for (std::string device; devices >> device;) {
            mounted.push_back(temp_ / ("mnt" + std::to_string(mounted.size())));
            std::filesystem::create_directory(mounted.back());
            attach::mount_ext4(device, mounted.back(), false);
        }
        work(mounted);
        server.kill();
        after_kill();
        const auto cleaned =
            attach::clean_up(attach::RuntimeDirectory(base(), AttachHarness::uuid()));
        CHECK(cleaned.devices.size() == kContainers);
        CHECK(cleaned.problems.empty());
        CHECK(becomes_true([&] { return count_resources(temp_.path()).loops == 0; }));
        CHECK(count_resources(temp_.path()).mounts == 0);
    }

    /// Opens the pool as the next server does. \return what is wrong with its metadata
    [[nodiscard]] std::string reopen(const std::function<void(AttachHarness&)>& look) const {
        PoolFiles files(directory(), kDataBytes, true);
        std::string wrong = findings_of(files.metadata, files.data.size());
        wrong += thin_check_says(files.metadata);
        AttachHarness harness(*files.pool, base());
        look(harness);
        return wrong;
    }

private:
    [[nodiscard]] std::string directory() const { return temp_.path(); }
    [[nodiscard]] std::string base() const { return temp_ / "run"; }

    /// Never gives back anything: it is killed.
    [[nodiscard]] std::string serve(Server kind) const {
        make_temporary_files_in(directory());
        auto* files = new PoolFiles(directory(), kDataBytes, true);
        ThinPool* pool = files->pool.get();
        if (kind == Server::forgetful)
            pool = new ForgetfulPool(*pool);
        auto* harness = new AttachHarness(*pool, base());
        std::string told;
        for (std::uint32_t id = 1; id <= kContainers; ++id)
            told += harness->activate(id, ContainerLife::kSize).path + " ";
        return told;
    }

    TempDir temp_;
};

std::chrono::milliseconds moment(Random& random) {
    return std::chrono::milliseconds(20 + random.below(600));
}

std::vector<std::string> fio(const std::string& file, bool verify) {
    std::vector<std::string> command{"fio",
                                     "--name=kill",
                                     "--filename=" + file,
                                     "--size=8m",
                                     "--rw=randwrite",
                                     "--bs=4k",
                                     "--verify=crc32c",
                                     "--verify_state_save=0",
                                     "--randrepeat=1",
                                     "--ioengine=psync",
                                     "--minimal"};
    if (verify)
        command.emplace_back("--verify_only");
    else
        command.insert(command.end(), {"--do_verify=0", "--fsync=8", "--end_fsync=1"});
    return command;
}

} // namespace

TEST_SUITE("attach.kill") {
    TEST_CASE("a killed server loses nothing that was synced") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        KillRig rig;
        ContainerLife life(kContainers);
        const int rounds = long_run() ? 50 : 3;
        for (int round = 0; round < rounds; ++round) {
            CAPTURE(round);
            rig.round(
                [&](const auto& mounted) {
                    life.start(mounted, random.next());
                    std::this_thread::sleep_for(moment(random));
                },
                [&] { life.stop(); });
            CHECK(rig.reopen([&](AttachHarness& harness) {
                for (const std::string& text : life.violations(
                         harness, round % 2 == 0 ? Replay::e2fsck_preen : Replay::kernel))
                    FAIL_CHECK(text);
            }) == "");
        }
        MESSAGE(rounds, " rounds, ", life.promised_blocks(), " blocks promised");
        CHECK(life.promised_blocks() > 0);
    }

    TEST_CASE("a killed server that did not flush is caught") { // so that the last case can fail
        if (why_no_attach())
            return skip(*why_no_attach());
        Random random(1);
        KillRig rig;
        ContainerLife life(kContainers);
        rig.round(
            [&](const auto& mounted) {
                life.start(mounted, random.next());
                std::this_thread::sleep_for(std::chrono::milliseconds(500));
            },
            [&] { life.stop(); },
            Server::forgetful);
        REQUIRE(life.promised_blocks() > 0);
        CHECK(rig.reopen([&](AttachHarness& harness) {
            CHECK_FALSE(life.violations(harness, Replay::kernel).empty());
        }) == "");
    }

    TEST_CASE("what fio wrote and synced before its server was killed verifies") {
        if (why_no_attach())
            return skip(*why_no_attach());
        if (!have_tool("fio"))
            return skip("fio is not installed");
        Random random(test_seed());
        KillRig rig;
        for (int round = 0; round < (long_run() ? 50 : 2); ++round) {
            CAPTURE(round);
            const std::string name = "/fio" + std::to_string(round);
            std::jthread load;
            rig.round(
                [&](const auto& mounted) {
                    const ToolRun before = run_tool(fio(mounted[0] + name, false));
                    INFO(before.errors);
                    REQUIRE(before.status == 0);
                    load = std::jthread([file = mounted[0] + "/fio-load"] {
                        const ToolRun killed = run_tool(fio(file, false));
                    });
                    std::this_thread::sleep_for(moment(random));
                },
                [&] { load = {}; });
            CHECK(rig.reopen([&](AttachHarness& harness) {
                const MountedDevice mount(harness.activate(1, ContainerLife::kSize),
                                          harness.make_directory("mnt"));
                const ToolRun verified = run_tool(fio(mount.directory() + name, true));
                INFO(verified.output);
                INFO(verified.errors);
                CHECK(verified.status == 0);
                std::filesystem::remove(mount.directory() + name);
                mount.unmount();
            }) == "");
        }
    }
}

} // namespace thinsnap::test
