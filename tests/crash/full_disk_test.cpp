#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "thin/format_pool.hpp"

#include "support/content.hpp"
#include "support/host_file.hpp"
#include "support/metadata_check.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr std::uint64_t kChunks = 200;
constexpr OpenDevice kSeen{.size = kChunks * kChunk};

/// A pool that promises more than its host's disk has: its data file is sparse.
struct HostRig {
    explicit HostRig(std::uint64_t free_chunks)
        : disk(free_chunks * kChunk) {
        thin::format_pool(metadata, {.chunk_size = kChunk, .nr_data_chunks = kChunks});
        open();
        apply_all(*pool, {CreateThin{DeviceId(1)}, CreateThin{DeviceId(2)}});
    }
    void open() {
        pool.reset();
        pool = engine::open_embedded_pool(metadata, file, {.mapping_cache = 4096});
    }
    std::unique_ptr<BlockDevice> device(std::uint32_t id) {
        return pool->open_device(DeviceId(id), kSeen);
    }
    /// Writes chunk after chunk until there is no space. \return how many were written
    std::uint64_t fill(BlockDevice& device) const {
        for (std::uint64_t chunk = 0; chunk < kChunks; ++chunk)
            if (const auto failure =
                    failure_of([&] { write_pattern(device, 7, chunk * kChunk, kChunk); })) {
                REQUIRE(*failure == Errc::no_space);
                return chunk;
            }
        return kChunks;
    }

    HostDisk disk;
    SparseDevice metadata{std::uint64_t{4} << 20U};
    SparseDevice content{SparseBytes(kChunks * kChunk, SparseBytes::Background::noise)};
    HostFile file{disk, content};
    std::unique_ptr<ThinPool> pool;
};

} // namespace

TEST_SUITE("crash.full_disk") {
    TEST_CASE("a full host disk is a full pool and loses nothing") {
        HostRig rig(20);
        const auto device = rig.device(1);
        const std::uint64_t written = rig.fill(*device);
        CHECK(written >= 19);
        CHECK(written <= 20);
        CHECK(rig.pool->status().mode == PoolMode::out_of_data_space);
        CHECK_FALSE(rig.pool->status().reason.empty());
        CHECK_FALSE(rig.pool->status().needs_check);
        CHECK(holds_pattern(*device, 7, 0, written * kChunk));
        CHECK_NOTHROW(write_pattern(*device, 8, 0, kChunk)); // it has its space already
        CHECK_NOTHROW(device->flush());
        CHECK(holds_pattern(*device, 8, 0, kChunk));
        CHECK(findings_of(rig.metadata, rig.content.size()) == "");
    }

    TEST_CASE("after a delete on a full host disk there is space again") {
        HostRig rig(20);
        {
            const auto device = rig.device(1);
            static_cast<void>(rig.fill(*device));
        }
        const auto other = rig.device(2);
        CHECK(failure_of([&] { write_pattern(*other, 9, 0, kChunk); }) == Errc::no_space);
        CHECK_NOTHROW(apply_all(*rig.pool, {DeleteDevice{DeviceId(1)}}));
        CHECK(rig.disk.free_bytes() >= 18 * kChunk);
        CHECK(rig.fill(*other) >= 18);
        CHECK(rig.pool->status().data.used >= 18);
    }

    TEST_CASE("after a discard on a full host disk there is space again") {
        HostRig rig(20);
        const auto device = rig.device(1);
        static_cast<void>(rig.fill(*device));
        device->discard(0, 10 * kChunk);
        const auto other = rig.device(2);
        for (std::uint64_t chunk = 0; chunk < 8; ++chunk)
            CHECK_NOTHROW(write_pattern(*other, 9, chunk * kChunk, kChunk));
        CHECK(holds_pattern(*other, 9, 0, 8 * kChunk));
        CHECK(rig.pool->status().mode == PoolMode::write);
    }

    TEST_CASE("a host disk that gets space back is used without being told") {
        HostRig rig(20);
        const auto device = rig.device(1);
        const std::uint64_t written = rig.fill(*device);
        rig.disk.give(50 * kChunk);
        CHECK(rig.fill(*device) > written);
    }

    TEST_CASE("what was flushed on a full host disk is there after it is opened again") {
        HostRig rig(20);
        std::uint64_t written = 0;
        {
            const auto device = rig.device(1);
            written = rig.fill(*device);
            device->flush();
        }
        rig.open();
        CHECK(holds_pattern(*rig.device(1), 7, 0, written * kChunk));
        CHECK(rig.pool->status().data.used == written);
    }

    TEST_CASE("breaking sharing on a full host disk fails and leaves both sides") {
        HostRig rig(20);
        const auto device = rig.device(1);
        const std::uint64_t written = rig.fill(*device);
        // no new device below the reserve, so there must be some room for a snapshot
        device->discard((written - 1) * kChunk, kChunk);
        device->flush();
        apply_all(*rig.pool, {CreateSnapshot{DeviceId(3), DeviceId(1)}});
        const auto snapshot = rig.device(3);
        std::uint64_t broken = 0;
        for (std::uint64_t chunk = 0; chunk < 5; ++chunk)
            broken +=
                failure_of([&] { write_pattern(*device, 8, chunk * kChunk, 4096); }) ? 0U : 1U;
        CHECK(broken <= 2);
        CHECK(holds_pattern(*snapshot, 7, 0, (written - 1) * kChunk));
        for (std::uint64_t chunk = broken; chunk < 5; ++chunk)
            CHECK(holds_pattern(*device, 7, chunk * kChunk, kChunk));
    }
}

} // namespace thinsnap::test
