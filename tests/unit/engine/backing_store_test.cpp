#include "engine/backing_store.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "io/memory_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;

/// A disk that flushes and allocates as a test says.
class FakeDisk final : public BlockDevice {
public:
    explicit FakeDisk(std::uint64_t size)
        : memory_(size) {}

    std::function<void()> on_flush = [] {};
    std::uint64_t allocated_to = 0;

    [[nodiscard]] std::uint64_t size() const override { return memory_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return 4096; }
    void read(std::uint64_t offset, std::span<std::byte> into) override {
        memory_.read(offset, into);
    }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        memory_.write(offset, from);
    }
    void flush() override { on_flush(); }
    void discard(std::uint64_t, std::uint64_t) override {}
    void allocate(std::uint64_t offset, std::uint64_t length) override {
        allocated_to = offset + length;
    }
    void write_zeros(std::uint64_t offset, std::uint64_t length) override {
        memory_.write_zeros(offset, length);
    }

private:
    io::MemoryDevice memory_;
};

} // namespace

TEST_SUITE("engine.backing_store") {
    TEST_CASE("a flush waits for one that is under way") {
        FakeDisk disk(4 * kChunk);
        engine::BackingStore store(disk, kChunk);
        std::atomic<bool> begun = false;
        std::atomic<bool> may_end = false;
        disk.on_flush = [&] {
            begun = true;
            while (!may_end)
                std::this_thread::yield();
        };
        store.write(DataChunk(0), 0, std::vector<std::byte>(4096));
        std::thread first([&] { store.flush(); });
        while (!begun)
            std::this_thread::yield();
        std::atomic<bool> returned = false;
        std::thread second([&] {
            store.flush();
            returned = true;
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CHECK_FALSE(returned);
        may_end = true;
        first.join();
        second.join();
        CHECK(returned);
    }

    TEST_CASE("after a failed flush no flush succeeds") {
        FakeDisk disk(4 * kChunk);
        engine::BackingStore store(disk, kChunk);
        disk.on_flush = [] { throw SystemError(EIO, "flushing the fake disk"); };
        store.write(DataChunk(0), 0, std::vector<std::byte>(4096));
        CHECK_THROWS_AS(store.flush(), SystemError);
        disk.on_flush = [] {};
        CHECK_THROWS_AS(store.flush(), Error);
    }

    TEST_CASE("space is allocated in whole chunks on a device with a remainder") {
        FakeDisk disk(4 * kChunk + 512);
        engine::BackingStore store(disk, kChunk);
        store.ensure({DataChunk(3), 1});
        CHECK(disk.allocated_to == 4 * kChunk);
    }
}

} // namespace thinsnap::test
