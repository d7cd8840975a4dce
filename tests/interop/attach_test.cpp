#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/mounts.hpp"
#include "base/aligned_buffer.hpp"
#include "io/file_device.hpp"

#include "support/attach_harness.hpp"
#include "support/content.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"
#include "support/victim.hpp"

namespace thinsnap::test {

namespace fs = std::filesystem;
using attach::ActiveDevice;
using attach::Deactivate;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kChunk = 64U << 10U;

template <class Work>
std::optional<Errc> kind_of(Work work) {
    try {
        work();
    } catch (const Error& error) {
        return error.kind();
    }
    return std::nullopt;
}

std::uint64_t used_chunks(ThinPool& pool) {
    return pool.status().data.used;
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A mount that goes whatever happens.
class Mounted {
public:
    Mounted(const ActiveDevice& device, std::string directory, bool read_only = false)
        : directory_(std::move(directory)) {
        attach::mount_ext4(device.path, directory_, read_only);
    }
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted() { ::umount2(directory_.c_str(), MNT_DETACH); }
    void unmount() const { attach::unmount(directory_, attach::Unmount::now); }
    [[nodiscard]] fs::path path() const { return directory_; }

private:
    std::string directory_;
};

std::vector<std::byte> bytes_of(std::size_t size, unsigned char value) {
    return std::vector<std::byte>(size, std::byte{value});
}

} // namespace

TEST_SUITE("attach") {
    TEST_CASE("a file system on an active device keeps what was written to it") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const ActiveDevice device = harness.make_active(7, 64 * kMiB);
        CHECK(device.path.starts_with("/dev/loop"));
        AttachHarness::make_file_system(device);
        const std::string directory = harness.make_directory("mnt");
        {
            const Mounted mount(device, directory);
            std::ofstream(mount.path() / "greeting") << "hello";
            const auto places = attach::find_mounts(device.device);
            REQUIRE(places.size() == 1);
            CHECK(places[0].directory == directory);
            CHECK(places[0].file_system == "ext4");
            CHECK(places[0].pid == 0);
            mount.unmount();
        }
        harness.activator().deactivate(DeviceId(7), Deactivate::now);
        CHECK(harness.activator().list().empty());

        const ActiveDevice again = harness.activate(7, 64 * kMiB);
        CHECK(run_tool({"e2fsck", "-fn", again.path}).status == 0);
        const Mounted mount(again, directory, true);
        CHECK(read_file(mount.path() / "greeting") == "hello");
        mount.unmount();
    }

    TEST_CASE("a device in use is not deactivated and says who uses it") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const ActiveDevice device = harness.make_active(1, 64 * kMiB);
        AttachHarness::make_file_system(device);
        const std::string directory = harness.make_directory("mnt");
        const Mounted mount(device, directory);
        std::string text;
        try {
            harness.activator().deactivate(DeviceId(1), Deactivate::now);
        } catch (const Error& error) {
            CHECK(error.kind() == Errc::busy);
            text = error.what();
        }
        CHECK(text.find(directory) != std::string::npos);
        CHECK(text.find("device 1") != std::string::npos);
        std::ofstream(mount.path() / "still") << "here";
        CHECK(read_file(mount.path() / "still") == "here");

        harness.activator().deactivate(DeviceId(1), Deactivate::when_unused);
        REQUIRE(harness.activator().find(DeviceId(1)));
        CHECK(harness.activator().find(DeviceId(1))->leaving);
        CHECK(kind_of([&] { harness.activate(1, 64 * kMiB); }) == Errc::busy);
        mount.unmount();
        for (int i = 0; i < 200 && harness.activator().find(DeviceId(1)); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        CHECK_FALSE(harness.activator().find(DeviceId(1)));
        CHECK_FALSE(kind_of([&] { harness.activate(1, 64 * kMiB); }));
    }

    TEST_CASE("a read-only device takes no writes") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        harness.create(1);
        const ActiveDevice device = harness.activate(1, 4 * kMiB, true);
        CHECK(kind_of([&] { harness.activate(1, 4 * kMiB, true); }) == Errc::busy);
        const std::string file = harness.directory().devices() + "/1";
        CHECK(::open(file.c_str(), O_RDWR | O_CLOEXEC) == -1);
        CHECK(errno == EROFS);
        CHECK(kind_of([&] {
                  io::FileDevice writer(device.path, {.exclusive = false});
                  writer.write(0, AlignedBuffer(4096).bytes());
              }).has_value());
        harness.activator().deactivate(DeviceId(1), Deactivate::now);
        CHECK(harness.activator().list().empty());
        CHECK(kind_of([&] { harness.activator().deactivate(DeviceId(1), Deactivate::now); }) ==
              Errc::not_found);
    }

    TEST_CASE("a device is deactivated at once if nobody uses it") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const ActiveDevice device = harness.make_active(1, 32 * kMiB);
        AttachHarness::make_file_system(device);
        const Mounted mount(device, harness.make_directory("mount"));
        CHECK_FALSE(harness.activator().try_deactivate(DeviceId(1)));
        std::ofstream(mount.path() / "still") << "here";
        CHECK(read_file(mount.path() / "still") == "here");
        mount.unmount();
        CHECK(harness.activator().try_deactivate(DeviceId(1)));
        CHECK(harness.activator().list().empty());
        CHECK(kind_of([&] {
                  static_cast<void>(harness.activator().try_deactivate(DeviceId(1)));
              }) == Errc::not_found);
    }

    TEST_CASE("a device that is taken away fails its users and can be deleted") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const ActiveDevice device = harness.make_active(1, 32 * kMiB);
        {
            io::FileDevice user(device.path, {.exclusive = false});
            user.write(0, AlignedBuffer(4096).bytes());
            user.flush();
            harness.activator().revoke(DeviceId(1));
            CHECK(kind_of([&] {
                      user.write(kMiB, AlignedBuffer(4096).bytes());
                      user.flush();
                  }) == Errc::io);
            REQUIRE(harness.activator().find(DeviceId(1)));
            CHECK(harness.activator().find(DeviceId(1))->leaving);
            const TransactionId id = harness.pool().status().transaction_id;
            harness.pool().apply(std::array{PoolOperation(DeleteDevice{DeviceId(1)})}, id, id);
        }
        for (int i = 0; i < 200 && harness.activator().find(DeviceId(1)); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        CHECK_FALSE(harness.activator().find(DeviceId(1)));
    }

    TEST_CASE("a discard gives chunks back to the pool and what it covers reads as zeros") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const ActiveDevice device = harness.make_active(1, 8 * kMiB);
        io::FileDevice writer(device.path, {.exclusive = false});
        const auto pattern = bytes_of(16 * kChunk, 0xA5);
        writer.write(0, pattern);
        writer.flush();
        CHECK(used_chunks(harness.pool()) == 16);
        writer.discard(kChunk / 2, 8 * kChunk);
        writer.flush();
        CHECK(used_chunks(harness.pool()) == 9);
        std::vector<std::byte> read(16 * kChunk);
        writer.read(0, read);
        CHECK(std::ranges::equal(std::span(read).subspan(kChunk / 2, 8 * kChunk),
                                 bytes_of(8 * kChunk, 0)));
        CHECK(read[kChunk / 2 - 1] == std::byte{0xA5});
        CHECK(read[kChunk / 2 + 8 * kChunk] == std::byte{0xA5});
        std::ifstream granularity("/sys/block/" + fs::path(device.path).filename().string() +
                                  "/queue/discard_granularity");
        std::uint64_t bytes = 0;
        granularity >> bytes;
        CHECK(bytes == kChunk);
    }

    TEST_CASE("behind the first write a device has chunks of its own where it is written soon") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        harness.create(1);
        const ActiveDevice device = harness.activator().activate(
            {.id = DeviceId(1),
             .name = "1",
             .size = 8 * kMiB,
             .written_soon = {.offset = 3 * kChunk, .length = 2 * kChunk}});
        io::FileDevice writer(device.path, {.exclusive = false});
        CHECK(used_chunks(harness.pool()) == 0);
        writer.write(0, bytes_of(kChunk, 0xA5));
        CHECK(becomes_true([&] { return used_chunks(harness.pool()) == 3; }));
        writer.write(3 * kChunk, bytes_of(2 * kChunk, 0xA5));
        CHECK(used_chunks(harness.pool()) == 3);
        writer.discard(3 * kChunk, 2 * kChunk);
        writer.write(kChunk, bytes_of(kChunk, 0xA5)); // which is not the first one any more
        writer.flush();
        CHECK(used_chunks(harness.pool()) == 2);
    }

    TEST_CASE("a device becomes larger while it is mounted") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const ActiveDevice device = harness.make_active(1, 32 * kMiB);
        AttachHarness::make_file_system(device);
        const Mounted mount(device, harness.make_directory("mnt"));
        harness.activator().resize(DeviceId(1), 64 * kMiB);
        const Fd fd = open_file(device.path, O_RDONLY);
        std::uint64_t size = 0;
        CHECK(::ioctl(fd.get(), BLKGETSIZE64, &size) == 0);
        CHECK(size == 64 * kMiB);
        io::FileDevice reader(device.path, {.read_only = true, .exclusive = false});
        std::vector<std::byte> tail(4096);
        CHECK_FALSE(kind_of([&] { reader.read(64 * kMiB - 4096, tail); }));
        CHECK(kind_of([&] { harness.activator().resize(DeviceId(1), kMiB); }) ==
              Errc::invalid_argument);
        mount.unmount();
    }

    TEST_CASE("writers at many depths on many devices read back what they wrote") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness({.data_chunks = 4096});
        constexpr std::uint64_t size = 4 * kMiB;
        std::vector<std::thread> threads;
        std::atomic<unsigned> wrong = 0;
        for (std::uint32_t id = 1; id <= 4; ++id) {
            const std::string path = harness.make_active(id, size).path;
            for (unsigned part = 0; part < 4; ++part)
                threads.emplace_back([path, id, part, &wrong] {
                    io::FileDevice device(path, {.exclusive = false});
                    AlignedBuffer buffer(32U << 10U);
                    AlignedBuffer back(32U << 10U);
                    for (std::uint64_t at = part * buffer.size(); at < size;
                         at += 4 * buffer.size()) {
                        std::ranges::fill(
                            buffer.bytes(),
                            static_cast<std::byte>(std::uint64_t{id} * 31 + at / buffer.size()));
                        device.write(at, buffer.bytes());
                        device.read(at, back.bytes());
                        wrong += std::ranges::equal(buffer.bytes(), back.bytes()) ? 0 : 1;
                    }
                    device.flush();
                });
        }
        for (std::thread& thread : threads)
            thread.join();
        CHECK(wrong == 0);
    }

    TEST_CASE("a full pool shows as ENOSPC at fsync at once") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness({.data_chunks = 256});
        const ActiveDevice device = harness.make_active(1, 128 * kMiB);
        AttachHarness::make_file_system(device);
        const Mounted mount(device, harness.make_directory("mnt"));
        const Fd file = open_file((mount.path() / "big").string(), O_RDWR | O_CREAT);
        const auto data = bytes_of(kMiB, 1);
        const auto start = std::chrono::steady_clock::now();
        int error = 0;
        for (int i = 0; i < 64 && error == 0; ++i)
            if (::write(file.get(), data.data(), data.size()) < 0 || ::fsync(file.get()) != 0)
                error = errno;
        CHECK((error == ENOSPC || error == EIO || error == EROFS));
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
        CHECK(harness.pool().status().mode == PoolMode::out_of_data_space);
    }

    TEST_CASE("128 devices are active at once with no more threads than one takes") {
        if (why_no_attach())
            return skip(*why_no_attach());
        AttachHarness harness;
        const auto activate_and_write = [&](std::uint32_t id) {
            io::FileDevice device(harness.make_active(id, kMiB).path, {.exclusive = false});
            device.write(0, bytes_of(4096, static_cast<unsigned char>(id)));
            device.flush();
        };
        activate_and_write(1);
        const std::size_t threads = count_resources(harness.runtime_base()).threads;
        for (std::uint32_t id = 2; id <= 128; ++id)
            activate_and_write(id);
        CHECK(harness.activator().list().size() == 128);
        const Resources all = count_resources(harness.runtime_base());
        CHECK(all.threads == threads);
        CHECK(all.loops == 128);
        CHECK(all.mounts == 1);
        std::vector<std::byte> read(4096);
        for (const ActiveDevice& device : harness.activator().list()) {
            io::FileDevice(device.path, {.read_only = true, .exclusive = false}).read(0, read);
            CHECK(read == bytes_of(4096, static_cast<unsigned char>(device.id.value())));
        }
    }
}

} // namespace thinsnap::test
