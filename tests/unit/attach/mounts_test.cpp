#include "attach/mounts.hpp"

#include <csignal>
#include <fstream>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <thinsnap/error.hpp>

#include "attach/child_process.hpp"
#include "base/fd.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::attach {

namespace {

// As Linux 6.1 writes it: an ext4 root, a container's mount with a space in its name, a bind mount
// of a part of it, a FUSE mount, propagation fields of every kind.
constexpr const char* kTable =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
    "95 22 7:3 / /srv/my\\040web rw,nosuid,relatime shared:50 master:3 - ext4 /dev/loop3 rw\n"
    "96 22 7:3 /usr/lib /mnt/lib ro,relatime - ext4 /dev/loop3 rw\n"
    "97 22 0:57 / /run/thinsnap/u/devices rw,nosuid,nodev unbindable - fuse.thinsnap thinsnap "
    "rw,user_id=0,group_id=0,max_read=1048576\n";

} // namespace

TEST_SUITE("attach.mounts") {
    TEST_CASE("a mount table is read with its escapes and optional fields") {
        const test::TempDir temp;
        const std::string path = temp / "mountinfo";
        std::ofstream(path) << kTable;
        const auto mounts = read_mounts(path);
        REQUIRE(mounts.size() == 4);
        CHECK(mounts[1].directory == "/srv/my web");
        CHECK(mounts[1].device == ::makedev(7, 3));
        CHECK(mounts[1].source == "/dev/loop3");
        CHECK(mounts[1].root == "/");
        CHECK_FALSE(mounts[1].read_only);
        CHECK(mounts[2].read_only);
        CHECK(mounts[2].root == "/usr/lib");
        CHECK(mounts[3].file_system == "fuse.thinsnap");
        CHECK(mounts[3].source == "thinsnap");
        CHECK_THROWS_AS(static_cast<void>(read_mounts(temp / "none")), Error);
    }

    TEST_CASE("the root file system is found where it is mounted") {
        struct stat root {};
        REQUIRE(::stat("/proc", &root) == 0);
        bool found = false;
        for (const MountPlace& place : find_mounts(root.st_dev))
            found = found || (place.directory == "/proc" && place.pid == 0);
        CHECK(found);
    }

    TEST_CASE("a place of another namespace is reached through its process") {
        MountPlace place;
        place.directory = "/mnt";
        CHECK(reachable_path(place) == "/mnt");
        place.pid = 12;
        CHECK(reachable_path(place) == "/proc/12/root/mnt");
    }
}

TEST_SUITE("attach.child_process") {
    TEST_CASE("a child holds no descriptor but those it is given") {
        const Fd one = open_file("/dev/null", O_RDONLY);
        const Fd two = open_file("/dev/null", O_RDONLY);
        const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
        const int status = run_in_child(
            [&] {
                return (is_open(one.get()) ? 1 : 0) + (is_open(two.get()) ? 2 : 0) +
                       (is_open(0) || is_open(1) || is_open(2) ? 4 : 0);
            },
            {two.get()});
        CHECK(status == 2);
    }

    TEST_CASE("a child's end by a signal is told apart") {
        CHECK(run_in_child([] { return ::raise(SIGKILL); }, {}) == 128 + SIGKILL);
    }
}

} // namespace thinsnap::attach
