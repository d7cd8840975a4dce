#include "app/fuse_mounts.hpp"

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("app.fuse_mounts") {
    TEST_CASE("FUSE mount points are found with the names that they have") {
        const auto points = app::fuse_mount_points(
            "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
            "40 22 0:38 / /run/a\\040b rw,nosuid shared:3 - fuse.thinsnap thinsnap rw\n"
            "41 22 0:39 / /mnt/fuse rw - tmpfs fuse rw\n"
            "42 22 0:40 / /mnt/c rw - fuseblk /dev/sdb rw\n");
        CHECK(points == std::vector<std::string>{"/run/a b", "/mnt/c"});
    }

    TEST_CASE("a path lies in a directory and not in one whose name only begins so") {
        const std::vector<std::string> directories{"/mnt/c"};
        CHECK(app::lies_in("/mnt/c/file", directories));
        CHECK(app::lies_in("/mnt/c", directories));
        CHECK_FALSE(app::lies_in("/mnt/cc/file", directories));
        CHECK_FALSE(app::lies_in("/mnt", directories));
        CHECK(app::lies_in("/any", {"/"}));
    }
}

} // namespace thinsnap::test
