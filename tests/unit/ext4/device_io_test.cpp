#include "ext4/device_io.hpp"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "io/forwarding_device.hpp"

#include "support/content.hpp"
#include "support/faulty_device.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

using ext4::DeviceIo;
using ext4::kBlockSize;

constexpr std::uint64_t kBlocks = 1024;

std::vector<std::byte> blocks(std::uint64_t seed, std::size_t count) {
    return pattern(seed, 0, count * kBlockSize);
}

std::vector<std::byte> read_device(BlockDevice& device, std::uint64_t block, std::size_t count) {
    std::vector<std::byte> content(count * kBlockSize);
    device.read(block * kBlockSize, content);
    return content;
}

std::vector<std::byte> read_io(DeviceIo& io, std::uint64_t block, std::size_t count) {
    std::vector<std::byte> content(count * kBlockSize);
    io.read(block, content);
    return content;
}

/// Counts calls that write.
class CountingDevice final : public io::ForwardingDevice {
public:
    using ForwardingDevice::ForwardingDevice;

    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        ++calls_;
        ForwardingDevice::write(offset, from);
    }
    void write_gather(std::uint64_t offset,
                      std::span<const std::span<const std::byte>> pieces) override {
        ++calls_;
        inner().write_gather(offset, pieces);
    }
    [[nodiscard]] int calls() const { return calls_; }

private:
    int calls_ = 0;
};

} // namespace

TEST_SUITE_BEGIN("ext4.device_io");

TEST_CASE("what was written is seen at once and reaches the device by write_back") {
    SparseDevice device(kBlocks * kBlockSize);
    DeviceIo io(device);
    const auto content = blocks(1, 3);
    io.write(10, content);
    CHECK(read_io(io, 10, 3) == content);
    CHECK(device.bytes_written() == 0);
    io.write_back();
    CHECK(read_device(device, 10, 3) == content);
    CHECK(device.bytes_written() == content.size());
}

TEST_CASE("what equals the cache is not written again") {
    SparseDevice device(kBlocks * kBlockSize);
    const auto content = blocks(1, 2);
    device.write(0, content);
    DeviceIo io(device);
    CHECK(read_io(io, 0, 2) == content);
    const std::uint64_t before = device.bytes_written();
    io.write(0, content);
    io.write_bytes(100, std::span(content).subspan(100, 50));
    io.write_back();
    CHECK(device.bytes_written() == before);
}

TEST_CASE("neighbours are written in one call whatever their order was") {
    SparseDevice device(kBlocks * kBlockSize);
    CountingDevice counting(device);
    DeviceIo io(counting);
    for (std::uint64_t block = 40; block-- > 20;)
        io.write(block, blocks(block, 1));
    io.write(50, blocks(50, 1));
    io.write_back();
    CHECK(counting.calls() == 2);
    for (std::uint64_t block = 20; block < 40; ++block)
        CHECK(read_device(device, block, 1) == blocks(block, 1));
}

TEST_CASE("a read takes what is dirty from memory and the rest from the device") {
    SparseDevice device(kBlocks * kBlockSize);
    device.write(0, blocks(1, 8));
    DeviceIo io(device);
    io.write(3, blocks(2, 1));
    std::vector<std::byte> content(8 * kBlockSize);
    io.read_content(0, content);
    auto expected = blocks(1, 8);
    std::ranges::copy(blocks(2, 1), expected.begin() + 3 * kBlockSize);
    CHECK(content == expected);
}

TEST_CASE("content goes to the device at once and replaces what the cache has") {
    SparseDevice device(kBlocks * kBlockSize);
    DeviceIo io(device);
    (void)read_io(io, 4, 2);
    io.write(5, blocks(1, 1));
    io.write_content(4, blocks(2, 4));
    CHECK(read_device(device, 4, 4) == blocks(2, 4));
    CHECK(read_io(io, 4, 4) == blocks(2, 4));
    io.write_back();
    CHECK(read_device(device, 4, 4) == blocks(2, 4));
}

TEST_CASE("what was freed is not written") {
    SparseDevice device(kBlocks * kBlockSize);
    DeviceIo io(device);
    io.write(4, blocks(1, 4));
    io.forget(5, 2);
    io.write_back();
    CHECK(device.bytes_written() == 2 * kBlockSize);
    CHECK(holds_zeros(device, 5 * kBlockSize, 2 * kBlockSize));
}

TEST_CASE("memory is bounded and no block is lost by that") {
    SparseDevice device(kBlocks * kBlockSize);
    DeviceIo io(device, {.clean_blocks = 8, .dirty_blocks = 16});
    for (std::uint64_t block = 0; block < 200; ++block)
        io.write(block, blocks(block, 1));
    CHECK(device.bytes_written() >= 180 * kBlockSize);
    for (std::uint64_t block = 0; block < 200; ++block) {
        CHECK(read_io(io, block, 1) == blocks(block, 1));
        io.edit(block)[7] = std::byte{9};
    }
    io.write_back();
    for (std::uint64_t block = 0; block < 200; ++block) {
        auto expected = blocks(block, 1);
        expected[7] = std::byte{9};
        CHECK(read_device(device, block, 1) == expected);
    }
}

TEST_CASE("opened read-only everything that is written stays in memory") {
    SparseDevice device(kBlocks * kBlockSize);
    DeviceIo io(device, {.read_only = true, .clean_blocks = 8, .dirty_blocks = 8});
    for (std::uint64_t block = 0; block < 100; ++block)
        io.write(block, blocks(block, 1));
    for (std::uint64_t block = 0; block < 100; ++block)
        CHECK(read_io(io, block, 1) == blocks(block, 1));
    CHECK(failure_of([&] { io.write_back(); }) == Errc::precondition);
    CHECK(failure_of([&] { io.write_content(0, blocks(0, 1)); }) == Errc::precondition);
    CHECK(device.bytes_written() == 0);
}

TEST_CASE("what could not be written is still dirty") {
    SparseDevice device(kBlocks * kBlockSize);
    FaultyDevice faulty(device);
    DeviceIo io(faulty);
    io.write(4, blocks(1, 1));
    io.write(8, blocks(2, 1));
    faulty.fail({.operation = DeviceOperation::write, .at = 2});
    CHECK(failure_of([&] { io.write_back(); }) == Errc::io);
    io.write_back();
    CHECK(read_device(device, 4, 1) == blocks(1, 1));
    CHECK(read_device(device, 8, 1) == blocks(2, 1));
}

TEST_CASE("a block behind the device's end is damage of the file system") {
    SparseDevice device(kBlocks * kBlockSize);
    DeviceIo io(device);
    CHECK(failure_of([&] { (void)io.view(kBlocks); }) == Errc::corrupt);
    CHECK(failure_of([&] { (void)read_io(io, kBlocks - 1, 2); }) == Errc::corrupt);
    CHECK(failure_of([&] { io.write(~0ULL, blocks(1, 1)); }) == Errc::corrupt);
}

TEST_SUITE_END();

} // namespace thinsnap::test
