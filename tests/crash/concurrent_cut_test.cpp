#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/metadata_check.hpp"
#include "support/random.hpp"
#include "support/sparse_device.hpp"

#include "crash/crash_world.hpp"

// The power goes off while several threads write, flush and snapshot. Sectors carry the number of
// the write that filled them, so whatever is left can be judged without knowing who was how far.

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kBlocks = 96;     // six chunks
constexpr std::uint64_t kSnapshotted = 2; ///< devices 0 and 1; the last one is written in place
constexpr std::uint64_t kDevices = kSnapshotted + 1;
constexpr std::uint32_t kFirstSnapshot = 100;

using Versions = std::array<std::uint64_t, kBlocks>;

/// What a block may hold: at least what was flushed, at most what was begun.
struct Bounds {
    Versions least{};
    Versions most{};
};

struct Device {
    std::array<std::atomic<std::uint64_t>, kBlocks> begun{};
    std::array<std::atomic<std::uint64_t>, kBlocks> completed{};
    std::mutex mutex;
    Versions durable{}; // by `mutex`

    [[nodiscard]] static Versions copy(const std::array<std::atomic<std::uint64_t>, kBlocks>& of) {
        Versions versions{};
        for (std::size_t i = 0; i < kBlocks; ++i)
            versions.at(i) = of.at(i);
        return versions;
    }
    /// Everything of `versions` outlasts the cut.
    void note_durable(const Versions& versions) {
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < kBlocks; ++i)
            durable.at(i) = std::max(durable.at(i), versions.at(i));
    }
    void write(BlockDevice& to, std::uint64_t block) {
        const std::uint64_t version = ++begun.at(block);
        std::array<std::uint64_t, kBlock / 8> words{};
        for (std::size_t i = 0; i < words.size(); i += 2) {
            words.at(i) = version;
            words.at(i + 1) = block;
        }
        to.write(block * kBlock, std::as_bytes(std::span(words)));
        completed.at(block) = version;
    }
};

struct Snapshot {
    std::size_t origin = 0;
    Bounds bounds;
};

/// What the threads did before the power went off.
struct Life {
    std::array<Device, kDevices> devices;
    std::vector<Snapshot> snapshots; // made, or on the way when the power went off
    std::uint64_t applied = 0;       // how many of them for sure
};

/// A device has two writers, each with every second block.
void write_until_cut(CrashWorld& world, Life& life, std::size_t which, std::uint64_t writer) {
    Device& device = life.devices.at(which);
    Random random(2 * which + writer);
    try {
        const auto handle = world.pool().open_device(DeviceId(static_cast<std::uint32_t>(which)),
                                                     {.size = kBlocks * kBlock});
        for (;;) {
            device.write(*handle, random.below(kBlocks / 2) * 2 + writer);
            if (!random.one_in(4))
                continue;
            const Versions versions = Device::copy(device.completed);
            handle->flush();
            device.note_durable(versions);
        }
    } catch (const PowerCut&) {
        return;
    } catch (const Error&) { // of a change that the power cut broke off in another thread
        if (!world.power().is_off())
            throw;
    }
}

void snapshot_until_cut(CrashWorld& world, Life& life) {
    try {
        for (std::uint64_t i = 0;; ++i) {
            const std::size_t which = i % kSnapshotted;
            std::array<Versions, kDevices> before;
            for (std::size_t d = 0; d < kDevices; ++d)
                before.at(d) = Device::copy(life.devices.at(d).completed);
            life.snapshots.push_back({which, {before.at(which), {}}});
            life.snapshots.back().bounds.most.fill(UINT64_MAX);
            const CreateSnapshot operation{DeviceId(kFirstSnapshot + static_cast<std::uint32_t>(i)),
                                           DeviceId(static_cast<std::uint32_t>(which))};
            world.pool().apply(std::array<PoolOperation, 1>{operation},
                               TransactionId(i + 1),
                               TransactionId(i + 2));
            life.snapshots.back().bounds.most = Device::copy(life.devices.at(which).begun);
            ++life.applied;
            for (std::size_t d = 0; d < kDevices; ++d)
                life.devices.at(d).note_durable(before.at(d));
            std::this_thread::yield();
        }
    } catch (const PowerCut&) {
        return;
    } catch (const Error&) { // of a change that the power cut broke off in another thread
        if (!world.power().is_off())
            throw;
    }
}

/// First thing that is wrong with a device; empty when nothing is.
std::string judge(BlockDevice& device, const Bounds& bounds) {
    constexpr std::size_t kWords = VolatileDevice::kSector / 8;
    std::array<std::uint64_t, kBlock / 8> words{};
    for (std::uint64_t block = 0; block < kBlocks; ++block) {
        device.read(block * kBlock, std::as_writable_bytes(std::span(words)));
        for (std::size_t i = 0; i < words.size(); i += 2) {
            const std::uint64_t version = words.at(i / kWords * kWords); // of the sector
            if (words.at(i) != version || words.at(i + 1) != (version == 0 ? 0 : block))
                return fmt::format("block {} holds what nobody wrote", block);
            if (version < bounds.least.at(block) || version > bounds.most.at(block))
                return fmt::format("block {} holds write {}, expected {} to {}",
                                   block,
                                   version,
                                   bounds.least.at(block),
                                   bounds.most.at(block));
        }
    }
    return {};
}

void require_survived(const std::vector<SparseBytes>& images, Life& life) {
    SparseDevice metadata(images[0]);
    SparseDevice data(images[1]);
    REQUIRE(findings_of(metadata, data.size()) == "");
    const auto pool = engine::open_embedded_pool(metadata, data, kSmallCaches);
    const std::uint64_t made = pool->status().transaction_id.value() - 1;
    REQUIRE(made >= life.applied);
    REQUIRE(made <= life.snapshots.size());
    REQUIRE(device_ids(*pool).size() == kDevices + made);
    for (std::uint32_t d = 0; d < kDevices; ++d) {
        const Bounds bounds{life.devices.at(d).durable, Device::copy(life.devices.at(d).begun)};
        REQUIRE(judge(*pool->open_device(DeviceId(d), {}), bounds) == "");
    }
    for (std::uint32_t i = 0; i < made; ++i) {
        Bounds bounds = life.snapshots.at(i).bounds;
        REQUIRE(judge(*pool->open_device(DeviceId(kFirstSnapshot + i), {}), bounds) == "");
    }
}

} // namespace

TEST_SUITE("crash.concurrent_cut") {
    TEST_CASE("a power cut under many threads leaves what each of them had flushed") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        const WorldShape shape{.data_chunks = 2000, .metadata_blocks = 4096};
        CrashWorld before(format_images(shape), first_state(shape));
        before.apply({CreateThin{DeviceId(0)}, CreateThin{DeviceId(1)}, CreateThin{DeviceId(2)}});
        const PoolImages start = before.images();
        for (int round = 0; round < (long_run() ? 1000 : 25); ++round) {
            CAPTURE(round);
            CrashWorld world(start, before.history().now());
            Life life;
            world.power().cut_during(1 + random.below(400));
            world.metadata().set_flush_time(std::chrono::microseconds(random.below(100)));
            world.data().set_flush_time(std::chrono::microseconds(random.below(300)));
            std::vector<std::jthread> threads;
            for (std::size_t device = 0; device < kDevices; ++device)
                for (std::uint64_t writer = 0; writer < 2; ++writer)
                    threads.emplace_back(
                        [&, device, writer] { write_until_cut(world, life, device, writer); });
            threads.emplace_back([&] { snapshot_until_cut(world, life); });
            threads.clear();
            const std::array<const VolatileDevice*, 2> disks{&world.metadata(), &world.data()};
            const std::size_t unflushed =
                disks[0]->unflushed().size() + disks[1]->unflushed().size();
            for (const Survivors& survivors : choose_survivors(unflushed, 2, 1, random.next())) {
                CAPTURE(survivors.text());
                require_survived(images_after_cut(disks, survivors), life);
            }
        }
    }
}

} // namespace thinsnap::test
