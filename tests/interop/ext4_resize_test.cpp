// resize2fs on our file systems: offline here. The kernel's own resize needs CAP_SYS_RESOURCE,
// which containers often lack; that case skips itself.

#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"

#include "support/ext4_image.hpp"
#include "support/ext4_mount.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;

constexpr std::uint64_t kGiB = 1ULL << 30U;

void resize_offline(ImageFile& image, const std::string& size) {
    const ToolRun run = run_tool({"resize2fs", "-f", image.path(), size});
    CAPTURE(run.errors);
    CHECK(run.status == 0);
    CHECK(complaints_of_e2fsck(image) == "");
    image.resize(100 * kGiB); // it makes the file fit
}

void write_tree(const ImageFile& image) {
    const TempDir directory;
    std::ofstream(directory / "f") << std::string(3'000'000, 'x');
    std::vector<std::string> requests = {"write " + std::string(directory / "f") + " f"};
    for (int i = 0; i < 100; ++i) {
        requests.push_back("mkdir d" + std::to_string(i));
        requests.push_back("symlink d" + std::to_string(i) + "/l target");
    }
    debugfs_write(image, requests);
}

std::size_t count_files(ImageFile& image) {
    const FileSystem fs(image, FileSystemAccess::read_only);
    std::size_t count = 0;
    fs.for_each_in_tree(fs.root(), [&](const ext4::TreeEntry&) { ++count; });
    return count;
}

} // namespace

TEST_SUITE_BEGIN("ext4.resize");

TEST_CASE("resize2fs enlarges and shrinks what was made and what was grown") {
    if (!have_tool("resize2fs") || !have_tool("debugfs"))
        return skip("e2fsprogs are not installed");
    ImageFile image(100 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    write_tree(image);
    REQUIRE(complaints_of_e2fsck(image) == "");
    resize_offline(image, "13G");
    {
        FileSystem fs(image, FileSystemAccess::read_write);
        fs.grow(50 * kGiB);
        fs.flush();
    }
    CHECK(complaints_of_e2fsck(image) == "");
    resize_offline(image, "90G");
    resize_offline(image, "7G");
    {
        FileSystem fs(image, FileSystemAccess::read_write);
        fs.grow(21 * kGiB);
        fs.flush();
    }
    CHECK(complaints_of_e2fsck(image) == "");
    CHECK(count_files(image) == 201);
}

TEST_CASE("a file system grown to 1 TiB is clean") {
    if (!have_tool("e2fsck"))
        return skip("e2fsck is not installed");
    ImageFile image(1024 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    image.forget_touched();
    FileSystem fs(image, FileSystemAccess::read_write);
    fs.grow(1024 * kGiB);
    fs.flush();
    CHECK(image.touched().size() <= 64);
    CHECK(complaints_of_e2fsck(image) == "");
}

TEST_CASE("the kernel enlarges a mounted file system") {
    if (!have_tool("resize2fs") || !have_tool("debugfs"))
        return skip("e2fsprogs are not installed");
    ImageFile image(100 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    write_tree(image);
    std::string why;
    auto mount = Mount::try_mount(image, why);
    if (!mount)
        return skip(why);
    const ToolRun run = run_tool({"resize2fs", mount->device()});
    if (run.errors.find("Permission denied") != std::string::npos)
        return skip("CAP_SYS_RESOURCE is missing, so the kernel resizes nothing");
    CHECK(run.status == 0);
    CHECK(std::filesystem::space(mount->path()).capacity > 98 * kGiB);
    mount->unmount();
    CHECK(complaints_of_e2fsck(image) == "");
    CHECK(count_files(image) == 201);
}

TEST_SUITE_END();

} // namespace thinsnap::test
