#include "dm/thin_handle.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/sparse_device.hpp"

#include "unit/dm/pool_rig.hpp"

namespace thinsnap::test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kChunk = KernelPoolRig::kChunkSize;

/// A handle on a device that wants whole blocks; a discard reads as zeros.
class HandleRig {
public:
    [[nodiscard]] dm::ThinHandle open(const OpenDevice& how) {
        return dm::ThinHandle(
            {.chunk_size = kChunk,
             .no_space_wait = 0ms,
             .unmap = [this](std::uint64_t begin,
                             std::uint64_t end) { thin_->node->discard(begin, end - begin); },
             .commit = [] {},
             .explain = [] { return std::nullopt; },
             .closed = [] {}},
            thin_,
            how);
    }
    [[nodiscard]] SparseDevice& node() { return *node_; }

private:
    SparseDevice* node_ = new SparseDevice(std::uint64_t{1} << 40U);
    std::shared_ptr<dm::OpenThin> thin_ =
        std::make_shared<dm::OpenThin>(DeviceId(1), std::unique_ptr<BlockDevice>(node_));
};

} // namespace

TEST_SUITE("dm.thin_handle") {
    TEST_CASE("any bytes are written to a device that takes blocks") {
        HandleRig rig;
        auto handle = rig.open({.size = 100 * kChunk});
        for (const std::uint64_t offset : {0U, 1U, 4095U, 4096U, 10000U})
            for (const std::size_t length : {1U, 4095U, 4096U, 4097U, 8192U, 20000U}) {
                write_pattern(handle, offset + length, offset, length);
                CHECK(holds_pattern(handle, offset + length, offset, length));
            }
    }

    TEST_CASE("only blocks that a write covers in part are read first") {
        HandleRig rig;
        auto handle = rig.open({});
        write_pattern(handle, 1, 0, std::size_t{8} * 4096);
        CHECK(rig.node().bytes_read() == 0);
        write_pattern(handle, 2, 100, std::size_t{3} * 4096);
        CHECK(rig.node().bytes_read() == 2 * 4096);
    }

    TEST_CASE("what is allocated has a block of each chunk written as it was") {
        HandleRig rig;
        auto handle = rig.open({.size = 10 * kChunk});
        write_pattern(handle, 1, 0, 4 * kChunk);
        const std::uint64_t before = rig.node().bytes_read();
        handle.allocate(kChunk + 5000, 2 * kChunk);
        CHECK(rig.node().bytes_read() - before == 3 * 4096);
        CHECK(holds_pattern(handle, 1, 0, 4 * kChunk));
        handle.allocate(10 * kChunk, 0);
        CHECK_THROWS_AS(handle.allocate(10 * kChunk, 1), Error);
    }

    TEST_CASE("only whole chunks are discarded") {
        HandleRig rig;
        auto handle = rig.open({.size = 10 * kChunk});
        write_pattern(handle, 1, 0, 4 * kChunk);
        handle.discard(1, 2 * kChunk);
        CHECK(holds_pattern(handle, 1, 0, kChunk));
        CHECK(holds_zeros(handle, kChunk, kChunk));
        CHECK(holds_pattern(handle, 1, 2 * kChunk, 2 * kChunk));
    }

    TEST_CASE("zeros over what reads as zeros are not written") {
        HandleRig rig;
        auto handle = rig.open({.size = 10 * kChunk});
        handle.write_zeros(1000, 3 * kChunk);
        CHECK(rig.node().bytes_written() == 0);
        write_pattern(handle, 1, 0, kChunk);
        handle.write_zeros(1000, 10);
        CHECK(holds_zeros(handle, 1000, 10));
        CHECK(holds_pattern(handle, 1, 1010, kChunk - 1010));
    }

    TEST_CASE("a writer waits for space no longer than it was told") {
        KernelPoolRig rig({.no_space_wait = 100ms});
        rig.apply({CreateThin{DeviceId(1)}});
        const auto device = rig.pool().open_device(DeviceId(1), {});
        const std::array<std::byte, 4096> block{};
        int tries = 0;
        SUBCASE("none comes") {
            rig.kernel().on_write = [&] {
                ++tries;
                throw SystemError(ENOSPC, "writing");
            };
            const auto begin = std::chrono::steady_clock::now();
            CHECK(failure_of([&] { device->write(0, block); }) == Errc::no_space);
            CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
            CHECK(tries > 1);
        }
        SUBCASE("some comes") {
            rig.kernel().on_write = [&] {
                if (++tries < 3)
                    throw SystemError(ENOSPC, "writing");
            };
            CHECK_NOTHROW(device->write(0, block));
            CHECK(tries == 3);
        }
    }

    TEST_CASE("a writer that finds no space has the pool committed and tries again") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        const auto device = rig.pool().open_device(DeviceId(1), {});
        rig.kernel().calls.clear();
        bool committed = false;
        rig.kernel().on_write = [&] {
            committed = std::ranges::find(rig.kernel().calls, "commit") != rig.kernel().calls.end();
            if (!committed)
                throw SystemError(ENOSPC, "writing");
        };
        CHECK_NOTHROW(device->write(0, std::array<std::byte, 4096>{}));
        CHECK(committed);
    }

    TEST_CASE("a flush that a pool without space fails becomes a commit") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        const auto device = rig.pool().open_device(DeviceId(1), {});
        rig.kernel().calls.clear();
        rig.kernel().on_flush = [] { throw SystemError(ENOSPC, "flushing"); };
        CHECK_NOTHROW(device->flush());
        CHECK(rig.kernel().calls.front() == "commit");
        rig.kernel().mode = "ro";
        CHECK(failure_of([&] { device->flush(); }) == Errc::io);
        rig.kernel().on_flush = [] { throw SystemError(EIO, "flushing"); };
        CHECK(failure_of([&] { device->flush(); }) == Errc::io);
    }

    TEST_CASE("an I/O error of a pool without metadata space is told as that") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        const auto device = rig.pool().open_device(DeviceId(1), {});
        const std::array<std::byte, 4096> block{};
        rig.kernel().on_write = [] { throw SystemError(EIO, "writing"); };
        const auto write = [&] { device->write(0, block); };
        CHECK(failure_of(write) == Errc::io);
        rig.kernel().used_metadata = 1024;
        rig.kernel().mode = "ro";
        CHECK(failure_of(write) == Errc::no_space);
        CHECK(message_of(write).find("--metadata-size") != std::string::npos);
        rig.kernel().mode = "ro discard_passdown error_if_no_space needs_check";
        CHECK(failure_of(write) == Errc::io);
    }
}

} // namespace thinsnap::test
