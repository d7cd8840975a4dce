#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/mount.h>

#include <thinsnap/error.hpp>

#include "io/file_device.hpp"

#include "support/content.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

/// A file system of one MiB, where this process may mount one.
class SmallDisk {
public:
    SmallDisk()
        : mounted_(::mount("none", directory_.path().c_str(), "tmpfs", 0, "size=1m") == 0) {}
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_)
            ::umount2(directory_.path().c_str(), MNT_DETACH);
    }

    [[nodiscard]] bool is_mounted() const { return mounted_; }
    [[nodiscard]] std::string make_file(std::uint64_t size) const {
        const auto path = directory_ / "file";
        std::ofstream{path};
        std::filesystem::resize_file(path, size);
        return path;
    }

private:
    TempDir directory_;
    bool mounted_;
};

} // namespace

TEST_SUITE("io.full_disk") {
    TEST_CASE("a full file system is no space to writes and allocations alike") {
        const SmallDisk disk;
        if (!disk.is_mounted())
            return skip("mounting a file system is not allowed here");
        io::FileDevice device(disk.make_file(4U << 20U));
        const std::vector<std::byte> bytes(2U << 20U, std::byte{1});
        CHECK(failure_of([&] { device.allocate(0, 2U << 20U); }) == Errc::no_space);
        CHECK(failure_of([&] { device.write(0, bytes); }) == Errc::no_space);
        device.discard(0, 4U << 20U);
        CHECK(failure_of([&] { device.allocate(0, 1U << 19U); }) == std::nullopt);
        CHECK(failure_of([&] { device.write_zeros(1U << 20U, 1U << 20U); }) == Errc::no_space);
        CHECK(failure_of([&] { device.write(0, std::span(bytes).first(1U << 19U)); }) ==
              std::nullopt);
    }
}

} // namespace thinsnap::test
