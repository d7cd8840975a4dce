#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "thin/format_pool.hpp"

#include "support/attach_harness.hpp"
#include "support/metadata_check.hpp"
#include "support/powered_device.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/victim.hpp"

#include "interop/container_life.hpp"

// The power goes off under containers that are mounted and written to: beneath their file systems
// are a loop device, FUSE, the engine and two disks with volatile caches.

namespace thinsnap::test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr std::uint64_t kChunks = 6000;
constexpr std::uint64_t kMetadata = std::uint64_t{8} << 20U;
constexpr std::uint32_t kContainers = 3;

struct Disks {
    SparseBytes metadata;
    SparseBytes data;
};

/// A pool with containers that nobody has written to.
Disks prepare() {
    SparseDevice metadata(SparseBytes(kMetadata, SparseBytes::Background::noise));
    SparseDevice data(SparseBytes(kChunks * kChunk, SparseBytes::Background::noise));
    thin::format_pool(metadata, {.chunk_size = kChunk, .nr_data_chunks = kChunks});
    const auto pool = engine::open_embedded_pool(metadata, data);
    {
        AttachHarness harness(*pool);
        ContainerLife::prepare(harness, kContainers);
    }
    pool->commit();
    return {metadata.content(), data.content()};
}

/// The power goes off during the `operation`-th change of a disk once all containers are mounted.
struct Cut {
    std::uint64_t seed = 1;
    std::uint64_t operation = 1;
    BrokenBarrier barrier = BrokenBarrier::none;
};

/// What the power cut left: the disks, and what was promised before.
struct Wreck {
    PowerSupply power;
    VolatileDevice metadata;
    VolatileDevice data;
    ContainerLife life{kContainers};

    Wreck(const Disks& disks, const Cut& cut)
        : metadata(power, disks.metadata)
        , data(power, disks.data) {
        Random random(cut.seed);
        metadata.break_barrier(cut.barrier);
        data.break_barrier(cut.barrier);
        metadata.set_flush_time(std::chrono::microseconds(random.below(300)));
        data.set_flush_time(std::chrono::microseconds(random.below(1000)));
        PoweredDevice metadata_disk(metadata);
        PoweredDevice data_disk(data);
        const auto pool = engine::open_embedded_pool(metadata_disk, data_disk);
        AttachHarness harness(*pool);
        std::vector<std::unique_ptr<MountedDevice>> mounts;
        std::vector<std::string> directories;
        std::vector<attach::MountPlace> places;
        for (std::uint32_t id = 1; id <= kContainers; ++id) {
            directories.push_back(harness.make_directory("mnt-" + std::to_string(id)));
            mounts.push_back(std::make_unique<MountedDevice>(
                harness.activate(id, ContainerLife::kSize), directories.back()));
            places.push_back(mounts.back()->place());
        }
        power.cut_during(cut.operation);
        life.start(directories, cut.seed);
        life.start_snapshots(*pool, places);
        static_cast<void>(becomes_true([&] { return power.is_off(); }, 20s));
        power.cut_now();
        life.stop();
    }
    [[nodiscard]] std::array<const VolatileDevice*, 2> disks() const { return {&metadata, &data}; }
    [[nodiscard]] std::size_t unflushed() const {
        return metadata.unflushed().size() + data.unflushed().size();
    }
};

/// What is wrong with one way in which the cut can have ended.
std::vector<std::string> judge(const Wreck& wreck, const Survivors& survivors, Replay replay) {
    const auto images = images_after_cut(wreck.disks(), survivors);
    SparseDevice metadata(images[0]);
    SparseDevice data(images[1]);
    if (const std::string found = findings_of(metadata, data.size()); !found.empty())
        return {"check: " + found};
    if (const std::string found = thin_check_says(metadata); !found.empty())
        return {found};
    try {
        const auto pool = engine::open_embedded_pool(metadata, data);
        AttachHarness harness(*pool);
        return wreck.life.violations(harness, replay);
    } catch (const Error& error) {
        return {error.what()};
    }
}

Replay replay_of(const Survivors& survivors, std::uint64_t image) {
    if (survivors.kind == Survivors::Kind::torn)
        return Replay::e2fsck_yes;
    return image % 2 == 0 ? Replay::e2fsck_preen : Replay::kernel;
}

} // namespace

TEST_SUITE("attach.power_cut") {
    TEST_CASE("a power cut under mounted containers loses nothing that was synced") {
        if (why_no_attach())
            return skip(*why_no_attach());
        const std::uint64_t seed = test_seed();
        Random random(seed);
        const Disks disks = prepare();
        std::uint64_t blocks = 0;
        std::uint64_t snapshots = 0;
        std::uint64_t images = 0;
        for (int round = 0; round < (long_run() ? 100 : 5); ++round) {
            const Cut cut{.seed = random.next(), .operation = 1 + random.below(4000)};
            CAPTURE(seed);
            CAPTURE(round);
            CAPTURE(cut.operation);
            const Wreck wreck(disks, cut);
            blocks += wreck.life.promised_blocks();
            snapshots += wreck.life.promised_snapshots();
            for (const Survivors& survivors :
                 choose_survivors(wreck.unflushed(), 2, 1, random.next())) {
                CAPTURE(survivors.text());
                for (const std::string& text :
                     judge(wreck, survivors, replay_of(survivors, ++images)))
                    FAIL_CHECK(text);
            }
        }
        MESSAGE(images, " images, ", blocks, " blocks and ", snapshots, " snapshots promised");
        CHECK(blocks > 0);
        CHECK(have_thin_check());
    }

    TEST_CASE("disks that do not flush lose what was synced") { // so that the last case can fail
        if (why_no_attach())
            return skip(*why_no_attach());
        const Disks disks = prepare();
        const Wreck wreck(disks, {.operation = 3000, .barrier = BrokenBarrier::every_flush});
        REQUIRE(wreck.life.promised_blocks() > 0);
        CHECK_FALSE(judge(wreck, {.kind = Survivors::Kind::none}, Replay::kernel).empty());
        CHECK_FALSE(
            judge(wreck, {.kind = Survivors::Kind::random, .value = 1}, Replay::kernel).empty());
    }
}

} // namespace thinsnap::test
