// What the kernel says of our file systems, and we of its.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"

#include "support/ext4_image.hpp"
#include "support/ext4_mount.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;
using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::InodeInfo;

constexpr std::uint64_t kGiB = 1ULL << 30U;

/// What the kernel says of a file, and what we say, as text.
std::string describe(const InodeInfo& info) {
    std::string text =
        std::to_string(static_cast<int>(info.type)) + " " +
        std::to_string(info.attributes.permissions) + " " + std::to_string(info.attributes.uid) +
        " " + std::to_string(info.attributes.gid) + " " + std::to_string(info.links) + " " +
        std::to_string(info.attributes.mtime.seconds) + "." +
        std::to_string(info.attributes.mtime.nanoseconds) + " " +
        std::to_string(info.number.value()) + " " + std::to_string(info.allocated_bytes);
    if (info.type == FileType::regular || info.type == FileType::symlink)
        text += " size " + std::to_string(info.size);
    if (info.device)
        text += " device " + std::to_string(info.device->major) + ":" +
                std::to_string(info.device->minor);
    return text;
}

FileType type_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return FileType::directory;
    case S_IFLNK:
        return FileType::symlink;
    case S_IFCHR:
        return FileType::character_device;
    case S_IFBLK:
        return FileType::block_device;
    case S_IFIFO:
        return FileType::fifo;
    case S_IFSOCK:
        return FileType::socket;
    default:
        return FileType::regular;
    }
}

std::string describe(const fs::path& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    InodeInfo info;
    info.number = ext4::InodeNumber(static_cast<std::uint32_t>(status.st_ino));
    info.type = type_of(status.st_mode);
    info.attributes = {static_cast<std::uint16_t>(status.st_mode & 07777U),
                       status.st_uid,
                       status.st_gid,
                       {status.st_mtim.tv_sec, static_cast<std::uint32_t>(status.st_mtim.tv_nsec)}};
    info.size = static_cast<std::uint64_t>(status.st_size);
    info.links = static_cast<std::uint32_t>(status.st_nlink);
    info.allocated_bytes = static_cast<std::uint64_t>(status.st_blocks) * 512;
    if (info.type == FileType::block_device || info.type == FileType::character_device)
        info.device = ext4::DeviceNumber{major(status.st_rdev), minor(status.st_rdev)};
    return describe(info);
}

std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<ext4::Xattr> xattrs_of(const fs::path& path) {
    std::string names(1U << 16U, '\0');
    const auto length = ::llistxattr(path.c_str(), names.data(), names.size());
    REQUIRE(length >= 0);
    std::vector<ext4::Xattr> xattrs;
    for (const char* name = names.data(); name < names.data() + length;
         name += std::strlen(name) + 1) {
        std::string value(1U << 17U, '\0');
        const auto size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
        REQUIRE(size >= 0);
        value.resize(static_cast<std::size_t>(size));
        xattrs.push_back({name, value});
    }
    std::ranges::sort(xattrs);
    return xattrs;
}

/// Compares everything that both see, path by path.
void compare(const FileSystem& ours, const fs::path& theirs) {
    std::size_t count = 0;
    ours.for_each_in_tree(ours.root(), [&](const ext4::TreeEntry& entry) {
        const fs::path path = theirs / entry.path;
        CAPTURE(path.string());
        ++count;
        REQUIRE(describe(entry.inode) == describe(path));
        const auto number = entry.inode.number;
        REQUIRE((ours.xattrs(number) == xattrs_of(path)));
        if (entry.inode.type == FileType::symlink)
            REQUIRE(ours.link_target(number) == fs::read_symlink(path).string());
        if (entry.inode.type == FileType::regular) {
            std::string text(entry.inode.size, '?');
            REQUIRE(ours.read(number, 0, std::as_writable_bytes(std::span(text))) == text.size());
            REQUIRE((text == content_of(path)));
        }
    });
    const fs::recursive_directory_iterator all(theirs);
    CHECK(count == static_cast<std::size_t>(std::distance(begin(all), end(all))));
}

void write_noise(const fs::path& path, std::size_t size, std::uint64_t seed) {
    std::string text(size, '\0');
    fill_pattern(std::as_writable_bytes(std::span(text)), seed, 0);
    std::ofstream(path, std::ios::binary) << text;
}

/// Many extents, so that the tree has nodes of its own.
void write_pieces(const fs::path& path, int pieces) {
    std::ofstream file(path, std::ios::binary);
    const std::string block(4096, 'x');
    for (int i = 0; i < pieces; ++i) {
        file.seekp(static_cast<std::streamoff>(i) * 3 * 4096);
        file << block;
    }
}

void fill_oddly(const fs::path& root) {
    fs::create_directory(root / "large");
    for (int i = 0; i < 3000; ++i)
        std::ofstream(root / "large" /
                      ("a name of some length in an indexed directory " + std::to_string(i)));
    for (int i = 0; i < 3000; i += 3)
        fs::remove(root / "large" /
                   ("a name of some length in an indexed directory " + std::to_string(i)));
    write_noise(root / "noise", 5'000'001, 1);
    write_pieces(root / "pieces", 2000);
    fs::create_symlink("short", root / "short link");
    fs::create_symlink(std::string(3000, 'l'), root / "long link");
    fs::create_hard_link(root / "noise", root / "large" / "again");
    REQUIRE(::mknod((root / "fifo").c_str(), S_IFIFO | 0600, 0) == 0);
    REQUIRE(::mknod((root / "socket").c_str(), S_IFSOCK | 0600, 0) == 0);
    REQUIRE(::lchown((root / "noise").c_str(), 100'000, 4'000'000'000U) == 0);
    for (const auto& [name, seconds] : std::map<std::string, time_t>{
             {"old", -2'000'000'000}, {"new", 9'000'000'000}, {"fifo", 4'294'967'295}}) {
        if (name != "fifo")
            std::ofstream(root / name) << name;
        const std::array<timespec, 2> times = {{{seconds, 1}, {seconds, 999'999'999}}};
        REQUIRE(::utimensat(AT_FDCWD, (root / name).c_str(), times.data(), 0) == 0);
    }
    const auto set = [&](const char* file, const char* name, const std::string& value) {
        REQUIRE(::lsetxattr((root / file).c_str(), name, value.data(), value.size(), 0) == 0);
    };
    set("noise", "user.small", "value");
    set("noise", "user.empty", "");
    set("large", "trusted.middle", std::string(3000, 'm'));
    set("old", "user.huge", std::string(50'000, 'h'));
    set("long link", "trusted.link", "on a symlink");
    // user::rw- user:5:r-- group::r-- mask::r-- other::---
    const std::string acl("\2\0\0\0\1\0\6\0\377\377\377\377\2\0\4\0\5\0\0\0\4\0\4\0\377\377\377\377"
                          "\20\0\4\0\377\377\377\377\40\0\0\0\377\377\377\377",
                          44);
    set("new", "system.posix_acl_access", acl);
    set("large", "system.posix_acl_default", acl);
}

} // namespace

TEST_SUITE_BEGIN("ext4.kernel");

TEST_CASE("the kernel mounts a fresh file system silently and has nothing left to initialise") {
    for (const std::uint64_t size : {ext4::kMinSize, 10 * kGiB, 1024 * kGiB}) {
        CAPTURE(size);
        ImageFile image(size);
        ext4::format(image, options_for(size));
        const std::uint64_t before = image.allocated_bytes();
        std::string why;
        auto mount = Mount::try_mount(image, why);
        if (!mount)
            return skip(why);
        const std::string device = mount->device();
        // The kernel's thread for lazy initialisation starts at once and waits a little.
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        ::sync();
        CHECK(image.allocated_bytes() - before <= 8192);
        CHECK(kernel_complaints(device) == "");
        mount->unmount();
        CHECK(image.allocated_bytes() - before <= 16384);
        CHECK(complaints_of_e2fsck(image) == "");
    }
}

TEST_CASE("everything that the kernel made is read as the kernel reads it") {
    ImageFile image(10 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    std::string why;
    auto mount = Mount::try_mount(image, why);
    if (!mount)
        return skip(why);
    fill_oddly(mount->path());
    const std::string device = mount->device();
    CHECK(kernel_complaints(device) == "");
    mount->unmount();
    CHECK(complaints_of_e2fsck(image) == "");
    auto again = Mount::try_mount(image, why, "ro");
    REQUIRE(again);
    const FileSystem ours(image, FileSystemAccess::read_only);
    compare(ours, again->path());
}

TEST_CASE("the kernel uses a file system that was grown") {
    ImageFile image(40 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    std::string why;
    auto mount = Mount::try_mount(image, why);
    if (!mount)
        return skip(why);
    fill_oddly(mount->path());
    mount->unmount();
    {
        FileSystem ours(image, FileSystemAccess::read_write);
        ours.grow(40 * kGiB);
        ours.flush();
    }
    CHECK(complaints_of_e2fsck(image) == "");
    auto again = Mount::try_mount(image, why);
    REQUIRE(again);
    CHECK(fs::space(again->path()).capacity > 39 * kGiB);
    write_noise(again->path() / "after", 1'000'000, 2);
    CHECK(kernel_complaints(again->device()) == "");
    again->unmount();
    CHECK(complaints_of_e2fsck(image) == "");
    auto last = Mount::try_mount(image, why, "ro");
    REQUIRE(last);
    const FileSystem ours(image, FileSystemAccess::read_only);
    compare(ours, last->path());
}

TEST_SUITE_END();

} // namespace thinsnap::test
