#include "engine/backing_store.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/faulty_device.hpp"
#include "support/host_file.hpp"
#include "support/sparse_device.hpp"

#include "unit/engine/blocking_device.hpp"

namespace thinsnap::test {

using engine::BackingStore;

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;

struct StoreRig {
    SparseDevice disk{SparseBytes(256 * kChunk, SparseBytes::Background::noise)};
    FaultyDevice device{disk};
    BackingStore store{device, kChunk};
};

} // namespace

TEST_SUITE("engine.backing_store") {
    TEST_CASE("a filled chunk holds the data and zeros around it") {
        StoreRig rig;
        rig.store.fill(DataChunk(3), std::nullopt, 8192, pattern(1, 8192, 4096));
        CHECK(holds_zeros(rig.disk, 3 * kChunk, 8192));
        std::vector<std::byte> back(4096);
        rig.store.read(DataChunk(3), 8192, back);
        CHECK(back == pattern(1, 8192, 4096));
        CHECK(holds_zeros(rig.disk, 3 * kChunk + 12288, kChunk - 12288));
    }

    TEST_CASE("a filled chunk holds the data and the old chunk around it") {
        StoreRig rig;
        write_pattern(rig.disk, 1, 2 * kChunk, kChunk);
        rig.store.fill(DataChunk(3), DataChunk(2), 4096, std::vector<std::byte>(4096));
        std::vector<std::byte> chunk(kChunk);
        auto expected = pattern(1, 2 * kChunk, kChunk);
        std::fill_n(expected.begin() + 4096, 4096, std::byte{0});
        rig.store.read(DataChunk(3), 0, chunk);
        CHECK(chunk == expected);
    }

    TEST_CASE("a flush of what nobody wrote does not reach the device") {
        StoreRig rig;
        rig.store.flush();
        CHECK(rig.device.count(DeviceOperation::flush) == 0);
        rig.store.write(DataChunk(0), 0, pattern(1, 0, 4096));
        rig.store.flush();
        rig.store.flush();
        CHECK(rig.device.count(DeviceOperation::flush) == 1);
    }

    TEST_CASE("after a failed flush no flush succeeds") {
        StoreRig rig;
        rig.store.write(DataChunk(0), 0, pattern(1, 0, 4096));
        rig.device.fail({.operation = DeviceOperation::flush});
        CHECK_THROWS_AS(rig.store.flush(), SystemError);
        CHECK_THROWS_AS(rig.store.flush(), Error);
        CHECK(rig.device.count(DeviceOperation::flush) == 1);
    }

    TEST_CASE("a flush does not return while another flush of the same bytes is under way") {
        StoreRig rig;
        BlockingDevice slow(rig.disk);
        BackingStore store(slow, kChunk);
        store.write(DataChunk(0), 0, pattern(1, 0, 4096));
        slow.shut_gate();
        std::atomic<bool> returned = false;
        std::jthread first([&] { store.flush(); });
        slow.wait_for_flush();
        std::jthread second([&] {
            store.flush(); // a commit's: the superblock is written when it returns
            returned = true;
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CHECK_FALSE(returned);
        slow.open_gate();
        second.join();
        CHECK(returned);
    }

    TEST_CASE("space is taken for a window at once and not twice") {
        StoreRig rig;
        rig.store.ensure({DataChunk(0), 1});
        rig.store.ensure({DataChunk(1), 5});
        CHECK(rig.device.count(DeviceOperation::allocate) == 1);
        rig.store.ensure({DataChunk(200), 1});
        CHECK(rig.device.count(DeviceOperation::allocate) == 2);
    }

    TEST_CASE("space that was given back is taken again") {
        StoreRig rig;
        rig.store.ensure({DataChunk(0), 1});
        rig.store.give_back({DataChunk(0), 1});
        CHECK(rig.device.count(DeviceOperation::discard) == 1);
        rig.store.ensure({DataChunk(0), 1});
        CHECK(rig.device.count(DeviceOperation::allocate) == 2);
    }

    TEST_CASE("a disk with no room for a window has room for a chunk") {
        SparseDevice inner(256 * kChunk);
        HostDisk disk(2 * kChunk);
        HostFile file(disk, inner);
        BackingStore store(file, kChunk);
        CHECK_NOTHROW(store.ensure({DataChunk(0), 1}));
        CHECK(failure_of([&] { store.ensure({DataChunk(100), 2}); }) == Errc::no_space);
    }

    TEST_CASE("a device that grows within a window takes space for what is new") {
        SparseDevice inner(8 * kChunk);
        HostDisk disk(100 * kChunk);
        HostFile file(disk, inner);
        BackingStore store(file, kChunk);
        store.ensure({DataChunk(0), 1});
        inner.resize(64 * kChunk);
        store.ensure({DataChunk(10), 1});
        CHECK(file.allocated_bytes() >= 9 * kChunk);
    }

    TEST_CASE("the last space of a disk goes to the chunk that needs it") {
        SparseDevice inner(256 * kChunk);
        HostDisk disk(2 * kChunk);
        HostFile file(disk, inner);
        BackingStore store(file, kChunk);
        CHECK_NOTHROW(store.ensure({DataChunk(20), 1})); // its window starts at chunk 0
        CHECK_NOTHROW(store.write(DataChunk(20), 0, pattern(1, 0, kChunk)));
        CHECK_NOTHROW(store.ensure({DataChunk(21), 1}));
        CHECK(failure_of([&] { store.ensure({DataChunk(22), 1}); }) == Errc::no_space);
    }

    TEST_CASE("a device that cannot take space back keeps it") {
        StoreRig rig;
        rig.device.fail({.operation = DeviceOperation::discard});
        CHECK_NOTHROW(rig.store.give_back({DataChunk(0), 1}));
    }
}

} // namespace thinsnap::test
