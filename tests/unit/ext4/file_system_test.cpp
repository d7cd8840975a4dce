#include "ext4/file_system.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system_handle.hpp"
#include "ext4/format.hpp"

#include "support/content.hpp"
#include "support/ext4_image.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/sparse_device.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

using ext4::Entry;
using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;

constexpr std::uint64_t kGiB = 1ULL << 30U;

bool have_e2fsprogs() {
    return have_tool("debugfs") && have_tool("e2fsck");
}

std::string write_file(const TempDir& directory, const std::string& name, const std::string& text) {
    std::ofstream(directory / name, std::ios::binary) << text;
    return directory / name;
}

InodeInfo info_of(const FileSystem& fs, const std::string& name) {
    const auto entry = fs.find(fs.root(), name);
    REQUIRE(entry);
    CHECK(entry->name == name);
    return fs.inode(entry->inode);
}

std::string read_all(const FileSystem& fs, const InodeInfo& info) {
    std::string text(info.size, '?');
    CHECK(fs.read(info.number, 0, std::as_writable_bytes(std::span(text))) == info.size);
    return text;
}

std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, '\0');
    fill_pattern(std::as_writable_bytes(std::span(text)), seed, 0);
    return text;
}

} // namespace

TEST_SUITE_BEGIN("ext4.file_system");

TEST_CASE("files of every type are read as debugfs made them") {
    if (!have_e2fsprogs())
        return skip("e2fsprogs are not installed");
    ImageFile image(kGiB);
    ext4::format(image, options_for(kGiB));
    const TempDir directory;
    const std::string content = noise(300'001, 1);
    const std::string large = noise(4096, 2); // debugfs takes no more
    const std::string target(200, 't');
    debugfs_write(image,
                  {"write " + write_file(directory, "content", content) + " file",
                   "sif file mode 0104755",
                   "sif file uid 70000",
                   "sif file gid 80000",
                   "sif file mtime @-5",
                   "sif file mtime_extra 4",
                   "mkdir dir",
                   "mkdir dir/sub",
                   "symlink short /a/b",
                   "symlink long " + target,
                   "mknod null c 1 300",
                   "mknod disk b 259 65000",
                   "mknod pipe p",
                   "ln file dir/again",
                   "sif file links_count 2",
                   "ea_set file user.name value",
                   "ea_set file trusted.overlay.opaque y",
                   "ea_set -f " + write_file(directory, "large", large) + " dir user.large",
                   "sif dir blocks 16"}); // e2fsck counts the value's inode, debugfs does not
    CHECK(complaints_of_e2fsck(image) == "");
    const FileSystem fs(image, FileSystemAccess::read_only);
    const InodeInfo file = info_of(fs, "file");
    CHECK(file.type == FileType::regular);
    CHECK(file.attributes.permissions == 04755);
    CHECK(file.attributes.uid == 70000);
    CHECK(file.attributes.gid == 80000);
    CHECK(file.attributes.mtime.seconds == -5);
    CHECK(file.attributes.mtime.nanoseconds == 1);
    CHECK(file.links == 2);
    CHECK(file.has_xattrs);
    CHECK(read_all(fs, file) == content);
    CHECK((fs.xattrs(file.number) ==
           std::vector<ext4::Xattr>{{"trusted.overlay.opaque", "y"}, {"user.name", "value"}}));
    const InodeInfo dir = info_of(fs, "dir");
    CHECK(dir.links == 3);
    CHECK((fs.xattrs(dir.number) == std::vector<ext4::Xattr>{{"user.large", large}}));
    CHECK(fs.find(dir.number, "again")->inode == file.number);
    CHECK(fs.link_target(info_of(fs, "short").number) == "/a/b");
    CHECK(fs.link_target(info_of(fs, "long").number) == target);
    CHECK((info_of(fs, "null").device == ext4::DeviceNumber{1, 300}));
    CHECK((info_of(fs, "disk").device == ext4::DeviceNumber{259, 65000}));
    CHECK(info_of(fs, "disk").type == FileType::block_device);
    CHECK(info_of(fs, "pipe").type == FileType::fifo);
    CHECK(!info_of(fs, "pipe").has_xattrs);
    CHECK(fs.xattrs(info_of(fs, "pipe").number).empty());
    std::vector<std::string> paths;
    fs.for_each_in_tree(fs.root(),
                        [&](const ext4::TreeEntry& entry) { paths.emplace_back(entry.path); });
    CHECK((paths ==
           std::vector<std::string>{
               "dir", "dir/again", "dir/sub", "disk", "file", "long", "null", "pipe", "short"}));
}

TEST_CASE("any part of a file is read and holes are zeros") {
    if (!have_e2fsprogs())
        return skip("e2fsprogs are not installed");
    ImageFile image(kGiB);
    ext4::format(image, options_for(kGiB));
    const TempDir directory;
    std::string content = noise(200'000, 3);
    std::fill(content.begin() + 20'480, content.begin() + 61'440, '\0');
    std::fill(content.begin() + 81'920, content.begin() + 90'112, '\0');
    debugfs_write(image, {"write " + write_file(directory, "content", content) + " file"});
    const FileSystem fs(image, FileSystemAccess::read_only);
    const InodeInfo file = info_of(fs, "file");
    std::uint64_t mapped = 0;
    fs.for_each_extent(file.number, [&](const ext4::FileExtent& extent) {
        CHECK(!extent.unwritten);
        std::string part(std::min(extent.length, content.size() - extent.logical), '\0');
        image.read(extent.physical, std::as_writable_bytes(std::span(part)));
        CHECK(part == content.substr(extent.logical, part.size()));
        mapped += extent.length;
    });
    CHECK(mapped == file.allocated_bytes);
    CHECK(mapped < content.size());
    Random random(1);
    for (int i = 0; i < 300; ++i) {
        const std::size_t offset = random.below(content.size() + 5000);
        std::string part(random.below(70'000), '?');
        const std::size_t n = fs.read(file.number, offset, std::as_writable_bytes(std::span(part)));
        const std::string expected =
            offset < content.size() ? content.substr(offset, part.size()) : std::string();
        REQUIRE(n == expected.size());
        REQUIRE(part.substr(0, n) == expected);
    }
}

TEST_CASE("a directory with an index is read like any other") {
    if (!have_e2fsprogs())
        return skip("e2fsprogs are not installed");
    ImageFile image(kGiB);
    ext4::format(image, options_for(kGiB));
    std::set<std::string> names;
    for (int i = 0; i < 1500; ++i)
        names.insert("a name that is long enough to fill some blocks of a directory " +
                     std::to_string(i));
    std::vector<std::string> requests = {"mkdir dir", "cd dir"};
    for (const std::string& name : names)
        requests.push_back("mknod \"" + name + "\" p");
    debugfs_write(image, requests);
    REQUIRE(run_tool({"e2fsck", "-fyD", image.path()}).status <= 1);
    const FileSystem fs(image, FileSystemAccess::read_only);
    const InodeInfo dir = info_of(fs, "dir");
    CHECK(debugfs(image, "htree_dump dir").find("Root node") != std::string::npos);
    std::set<std::string> found;
    fs.for_each_entry(dir.number, [&](const Entry& entry) {
        CHECK(entry.type == FileType::fifo);
        CHECK(found.insert(entry.name).second);
    });
    CHECK(found == names);
    CHECK(fs.find(dir.number, *names.rbegin()));
    CHECK(!fs.find(dir.number, "not there"));
    CHECK(!fs.find(dir.number, "."));
    CHECK(!fs.find(dir.number, "a/b"));
}

TEST_CASE("the inodes in a range of the device are found without reading anything else") {
    if (!have_e2fsprogs())
        return skip("e2fsprogs are not installed");
    ImageFile image(10 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    std::vector<std::string> requests;
    requests.reserve(600);
    for (int i = 0; i < 600; ++i)
        requests.push_back("mknod f" + std::to_string(i) + " p");
    debugfs_write(image, requests);
    const FileSystem fs(image, FileSystemAccess::read_only);
    const auto inodes_in = [&](std::uint64_t offset, std::uint64_t length) {
        std::vector<std::uint32_t> numbers;
        fs.for_each_inode_in(
            offset, length, [&](const InodeInfo& info) { numbers.push_back(info.number.value()); });
        return numbers;
    };
    const std::uint64_t table = ext4::place_of_group(0).inode_table * ext4::kBlockSize;
    const auto all = inodes_in(0, 10 * kGiB);
    REQUIRE(all.size() == 601);
    CHECK(all.front() == 2);
    CHECK(all.back() == 610);
    CHECK((inodes_in(table + 20ULL * 256, 512) == std::vector<std::uint32_t>{21, 22}));
    CHECK((inodes_in(table + 20ULL * 256 + 255, 2) == std::vector<std::uint32_t>{21, 22}));
    CHECK((inodes_in(table + 20ULL * 256, 1) == std::vector<std::uint32_t>{21}));
    CHECK(inodes_in(table - 4096, 4096).empty());
    CHECK(inodes_in(table + 610ULL * 256, kGiB).empty());
    CHECK((inodes_in(0, table + 512) == std::vector<std::uint32_t>{2}));
    CHECK(inodes_in(~0ULL - 5, ~0ULL).empty());
    const std::uint64_t before = image.bytes_read();
    CHECK(inodes_in(table + 4096, 4096).size() == 16);
    CHECK(image.bytes_read() - before == 4096);
}

TEST_CASE("a file of another type than asked for is refused") {
    SparseDevice device(kGiB);
    ext4::format(device, options_for(kGiB));
    const FileSystem fs(device, FileSystemAccess::read_only);
    const auto kind = [&](const std::function<void()>& action) { return failure_of(action); };
    CHECK(kind([&] { (void)fs.read(fs.root(), 0, {}); }) == Errc::invalid_argument);
    CHECK(kind([&] { (void)fs.link_target(fs.root()); }) == Errc::invalid_argument);
    const InodeNumber journal(8);
    CHECK(kind([&] { (void)fs.find(journal, "a"); }) == Errc::invalid_argument);
    CHECK(kind([&] { (void)fs.inode(InodeNumber(0)); }) == Errc::corrupt);
    CHECK(kind([&] { (void)fs.inode(InodeNumber(11)); }) == Errc::corrupt);
    CHECK(kind([&] { (void)fs.inode(InodeNumber(0xFFFF'FFFF)); }) == Errc::corrupt);
}

TEST_CASE("opening and flushing writes nothing when nothing was changed") {
    SparseDevice device(kGiB);
    ext4::format(device, options_for(kGiB));
    const std::uint64_t before = device.bytes_written();
    FileSystem fs(device, FileSystemAccess::read_write);
    fs.flush();
    CHECK(device.bytes_written() == before);
}

TEST_CASE("opening reads little") {
    SparseDevice device(100 * kGiB);
    ext4::format(device, options_for(100 * kGiB));
    const std::uint64_t before = device.bytes_read();
    const FileSystem fs(device, FileSystemAccess::read_only);
    CHECK(device.bytes_read() - before <= 64U << 10U);
}

TEST_SUITE_END();

} // namespace thinsnap::test
