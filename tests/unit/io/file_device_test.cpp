#include "io/file_device.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"

#include "support/random.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

using io::FileDevice;
using io::FileDeviceOptions;

namespace {

constexpr std::uint64_t kSize = 1U << 20U;

struct FileRig {
    TempDir directory;
    std::string path = directory / "file";

    FileRig() {
        std::ofstream{path};
        std::filesystem::resize_file(path, kSize);
    }
    std::vector<std::byte> content(std::uint64_t offset, std::size_t length) const {
        std::vector<char> bytes(length);
        std::ifstream file(path, std::ios::binary);
        file.seekg(static_cast<std::streamoff>(offset));
        file.read(bytes.data(), static_cast<std::streamsize>(length));
        const auto raw = std::as_bytes(std::span(bytes));
        return {raw.begin(), raw.end()};
    }
    std::uint64_t blocks() const {
        struct stat st {};
        REQUIRE(::stat(path.c_str(), &st) == 0);
        return static_cast<std::uint64_t>(st.st_blocks);
    }
};

std::vector<std::byte> pattern(std::uint64_t seed, std::size_t length) {
    std::vector<std::byte> bytes(length);
    fill_pattern(bytes, seed, 0);
    return bytes;
}

Errc kind_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.kind();
    }
    return Errc::internal;
}

} // namespace

TEST_SUITE("io.file_device") {
    TEST_CASE("a file reads and writes with and without the page cache") {
        const FileRig rig;
        FileDeviceOptions options;
        SUBCASE("direct") {}
        SUBCASE("cached") {
            options.direct = false;
        }
        FileDevice device(rig.path, options);
        CHECK(device.size() == kSize);
        CHECK(device.alignment() == (device.direct() ? 4096 : 1));
        const auto bytes = pattern(1, 3 * 4096);
        device.write(8192, bytes);
        device.flush();
        std::vector<std::byte> back(3 * 4096);
        device.read(8192, back);
        CHECK(back == bytes);
        CHECK(rig.content(8192, 3 * 4096) == bytes);
    }

    TEST_CASE("a direct file reads at any offset and length and into any memory") {
        const FileRig rig;
        FileDevice device(rig.path);
        const auto bytes = pattern(1, kSize);
        device.write(0, bytes);
        std::vector<std::byte> memory(300001);
        Random random(7);
        for (int i = 0; i < 50; ++i) {
            const std::uint64_t offset = random.below(kSize - 300000);
            const auto into = std::span(memory).subspan(random.below(2), random.below(300000));
            device.read(offset, into);
            CAPTURE(offset);
            CAPTURE(into.size());
            REQUIRE(std::ranges::equal(into, std::span(bytes).subspan(offset, into.size())));
        }
        device.read(kSize - 1, std::span(memory).first(1));
        CHECK(memory[0] == bytes[kSize - 1]);
    }

    TEST_CASE("a direct file writes from memory that is not aligned") {
        const FileRig rig;
        FileDevice device(rig.path);
        const auto bytes = pattern(2, 8193);
        device.write(4096, std::span(bytes).subspan(1));
        CHECK(rig.content(4096, 8192) == std::vector(bytes.begin() + 1, bytes.end()));
    }

    TEST_CASE("a direct file refuses writes that are not aligned") {
        const FileRig rig;
        FileDevice device(rig.path);
        if (!device.direct())
            return; // no O_DIRECT in this file system: any write is fine
        const auto bytes = pattern(1, 4096);
        CHECK(kind_of([&] { device.write(512, bytes); }) == Errc::invalid_argument);
        CHECK(kind_of([&] { device.write(0, std::span(bytes).first(100)); }) ==
              Errc::invalid_argument);
    }

    TEST_CASE("many gathered pieces are written in their order") {
        const FileRig rig;
        FileDevice device(rig.path);
        std::vector<AlignedBuffer> buffers;
        std::vector<std::span<const std::byte>> pieces;
        std::vector<std::byte> all;
        for (std::uint64_t i = 0; i < 250; ++i) {
            buffers.emplace_back(4096);
            fill_pattern(buffers.back().bytes(), i, 0);
            all.insert(all.end(), buffers.back().bytes().begin(), buffers.back().bytes().end());
        }
        for (const AlignedBuffer& buffer : buffers)
            pieces.push_back(buffer.bytes());
        device.write_gather(4096, pieces);
        CHECK(rig.content(4096, all.size()) == all);
    }

    TEST_CASE("a file refuses ranges behind its end") {
        const FileRig rig;
        FileDevice device(rig.path);
        auto bytes = pattern(1, 8192);
        CHECK(kind_of([&] { device.read(kSize - 1, bytes); }) == Errc::invalid_argument);
        CHECK(kind_of([&] { device.write(kSize - 4096, bytes); }) == Errc::invalid_argument);
        CHECK(kind_of([&] { device.write(UINT64_MAX - 4095, bytes); }) == Errc::invalid_argument);
        CHECK(kind_of([&] { device.write_zeros(kSize, 4096); }) == Errc::invalid_argument);
        CHECK(kind_of([&] { device.discard(kSize, 4096); }) == Errc::invalid_argument);
        CHECK(kind_of([&] { device.allocate(kSize - 4096, 8192); }) == Errc::invalid_argument);
    }

    TEST_CASE("allocating takes space without content and a discard gives it back as zeros") {
        const FileRig rig;
        FileDevice device(rig.path);
        device.write(0, pattern(1, 65536));
        device.allocate(0, 131072);
        device.flush();
        CHECK(rig.content(0, 65536) == pattern(1, 65536));
        CHECK(rig.content(65536, 65536) == std::vector<std::byte>(65536));
        const std::uint64_t before = rig.blocks();
        device.discard(0, 65536);
        CHECK(rig.content(0, 65536) == std::vector<std::byte>(65536));
        CHECK(rig.blocks() < before);
    }

    TEST_CASE("zeroing keeps the space beneath") {
        const FileRig rig;
        FileDevice device(rig.path);
        device.write(0, pattern(1, 3U << 18U));
        device.flush();
        const std::uint64_t before = rig.blocks();
        device.write_zeros(4096, (3U << 18U) - 4096);
        device.flush();
        CHECK(rig.blocks() == before);
        CHECK(rig.content(0, 4096) == pattern(1, 4096));
        CHECK(rig.content(4096, 500000) == std::vector<std::byte>(500000));
    }

    TEST_CASE("a file opened for reading refuses changes") {
        const FileRig rig;
        FileDevice device(rig.path, {.read_only = true});
        const auto bytes = pattern(1, 4096);
        CHECK(kind_of([&] { device.write(0, bytes); }) == Errc::read_only);
        CHECK(kind_of([&] { device.write_zeros(0, 4096); }) == Errc::read_only);
        CHECK(kind_of([&] { device.discard(0, 4096); }) == Errc::read_only);
        CHECK(kind_of([&] { device.allocate(0, 4096); }) == Errc::read_only);
    }

    TEST_CASE("a resized file has its new end and the old content") {
        const FileRig rig;
        FileDevice device(rig.path);
        device.write(0, pattern(1, 4096));
        device.resize(2 * kSize);
        CHECK(device.size() == 2 * kSize);
        std::vector<std::byte> back(4096);
        device.read(2 * kSize - 4096, back);
        CHECK(back == std::vector<std::byte>(4096));
        device.read(0, back);
        CHECK(back == pattern(1, 4096));
    }

    TEST_CASE("opening a file that is not there or is no file names it") {
        const TempDir directory;
        CHECK(kind_of([&] { FileDevice(directory / "none"); }) == Errc::not_found);
        CHECK_THROWS_AS(FileDevice(directory.path().string()), Error);
    }
}

} // namespace thinsnap::test
