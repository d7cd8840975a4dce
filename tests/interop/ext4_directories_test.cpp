#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/tree/name_hash.hpp"
#include "ext4/tree_writer.hpp"

#include "support/colliding_names.hpp"
#include "support/content.hpp"
#include "support/ext4_image.hpp"
#include "support/ext4_mount.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"

/// \file
/// Large directories, judged by e2fsck and by the kernel, which looks names up by the index.

namespace thinsnap::test {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::InodeNumber;
using ext4::kRootInode;
using ext4::TreeWriter;

namespace {

std::vector<std::string> numbered_names(std::size_t count, std::size_t length) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i)
        names.push_back(fmt::format("{:0>{}}", i, length));
    return names;
}

void make_directory(ImageFile& image,
                    const std::vector<std::string>& names,
                    FileType type = FileType::regular) {
    ext4::format(image, options_for(image.size()));
    FileSystem fs(image, FileSystemAccess::read_write);
    TreeWriter writer(fs);
    const InodeNumber big =
        writer.create(kRootInode, "big", {FileType::directory, {0755, 0, 0, {}}});
    for (const std::string& name : names)
        writer.create(big, name, {type, {0644, 0, 0, {}}});
    writer.finish();
}

/// Every name is found by the kernel, and no other.
template <class Names>
void check_names(const std::filesystem::path& directory, const Names& names) {
    std::size_t found = 0;
    for (const std::string& name : names)
        found +=
            std::filesystem::exists(std::filesystem::symlink_status(directory / name)) ? 1U : 0U;
    CHECK(found == names.size());
    std::size_t listed = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory))
        ++listed;
    CHECK(listed == names.size());
}

/// The kernel finds every name; then it puts names in and takes some out.
void let_the_kernel_judge(ImageFile& image, const std::vector<std::string>& names) {
    std::string why;
    auto mount = Mount::try_mount(image, why);
    if (!mount)
        return skip(why);
    const std::string device = mount->device();
    const auto big = mount->path() / "big";
    check_names(big, names);
    for (int i = 0; i < 3000; ++i)
        std::ofstream(big / fmt::format("put in by the kernel {}", i)) << "content\n";
    for (std::size_t i = 0; i < names.size(); i += 10)
        std::filesystem::remove_all(big / names[i]);
    CHECK(kernel_complaints(device) == "");
    mount->unmount();
    CHECK(complaints_of_e2fsck(image) == "");
}

/// A layer: names come and go at random.
void change_names(ImageFile& image, std::set<std::string>& names, Random& random) {
    FileSystem fs(image, FileSystemAccess::read_write);
    TreeWriter writer(fs);
    const InodeNumber big = writer.find(kRootInode, "big")->inode;
    for (int i = 0; i < 30; ++i) {
        const std::string name = fmt::format("{:0>12}", random.below(40000));
        if (names.erase(name) != 0) {
            writer.remove(big, name);
        } else {
            names.insert(name);
            writer.create(big, name, {FileType::regular, {0644, 0, 0, {}}});
        }
    }
    writer.finish();
}

/// The same by the kernel, which fills leaves that we split next time.
void change_names(const std::filesystem::path& big, std::set<std::string>& names, Random& random) {
    for (int i = 0; i < 2000; ++i) {
        const std::string name = fmt::format("{:0>12}", random.below(40000));
        if (names.erase(name) != 0) {
            std::filesystem::remove(big / name);
        } else {
            names.insert(name);
            std::ofstream(big / name).close();
        }
    }
}

/// Leaves that debugfs finds by the index, and whether it complains.
std::size_t leaves_of_dump(const ImageFile& image) {
    const std::string dump = debugfs(image, "htree_dump /big");
    CHECK(dump.find("Root node dump") != std::string::npos);
    CHECK(dump.find("rror") == std::string::npos);
    CHECK(dump.find("orrupt") == std::string::npos);
    std::size_t leaves = 0;
    for (std::size_t at = dump.find("Reading directory block"); at != std::string::npos;
         at = dump.find("Reading directory block", at + 1))
        ++leaves;
    return leaves;
}

} // namespace

TEST_SUITE("interop.ext4_directories") {
    TEST_CASE("the kernel finds 70000 names in one directory") {
        ImageFile image(std::uint64_t{2} << 30U);
        const auto names = numbered_names(70000, 12);
        make_directory(image, names);
        CHECK(complaints_of_e2fsck(image) == "");
        let_the_kernel_judge(image, names);
    }

    TEST_CASE("the kernel finds names in an index of two levels") {
        ImageFile image(std::uint64_t{1} << 30U);
        const auto names = numbered_names(9000, 250);
        make_directory(image, names);
        CHECK(complaints_of_e2fsck(image) == "");
        let_the_kernel_judge(image, names);
    }

    TEST_CASE("the kernel finds names of one hash in two leaves") {
        ImageFile image(256U << 20U);
        ext4::tree::NameHasher hasher;
        const auto options = options_for(image.size());
        for (std::size_t i = 0; i < 4; ++i) {
            hasher.seed[i] = 0;
            for (std::size_t b = 0; b < 4; ++b)
                hasher.seed[i] |= std::to_integer<std::uint32_t>(options.hash_seed[i * 4 + b])
                                  << (8 * b);
        }
        const auto names = names_that_collide_across_leaves(hasher);
        REQUIRE(names.size() > 2);
        make_directory(image, names);
        // debugfs marks a leaf that goes on with the hash of the one before.
        CHECK(debugfs(image, "htree_dump /big").find("(**)") != std::string::npos);
        CHECK(complaints_of_e2fsck(image) == "");
        let_the_kernel_judge(image, names);
    }

    TEST_CASE("the kernel and layers change a large directory by turns") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        ImageFile image(std::uint64_t{1} << 30U);
        const auto first = numbered_names(20000, 12);
        std::set<std::string> names(first.begin(), first.end());
        make_directory(image, first);
        for (int round = 0; round < (long_run() ? 30 : 4); ++round) {
            CAPTURE(round);
            change_names(image, names, random);
            CHECK(complaints_of_e2fsck(image) == "");
            std::uint64_t size = 0;
            std::size_t extents = 0;
            {
                const FileSystem fs(image, FileSystemAccess::read_only);
                const InodeNumber big = fs.find(kRootInode, "big")->inode;
                size = fs.inode(big).size;
                fs.for_each_extent(big, [&](const ext4::FileExtent&) { ++extents; });
            }
            CHECK(extents > 20); // changed in places, not written whole
            CHECK(leaves_of_dump(image) == size / 4096 - 1);
            std::string why;
            auto mount = Mount::try_mount(image, why);
            if (!mount)
                return skip(why);
            check_names(mount->path() / "big", names);
            change_names(mount->path() / "big", names, random);
            CHECK(kernel_complaints(mount->device()) == "");
            mount->unmount();
        }
    }

    TEST_CASE("a directory may have more than 65000 subdirectories") {
        ImageFile image(std::uint64_t{2} << 30U);
        const auto names = numbered_names(66000, 8);
        make_directory(image, names, FileType::directory);
        CHECK(complaints_of_e2fsck(image) == "");
        {
            FileSystem fs(image, FileSystemAccess::read_write);
            CHECK(fs.inode(fs.find(kRootInode, "big")->inode).links == 1);
            TreeWriter writer(fs);
            const InodeNumber big = writer.find(kRootInode, "big")->inode;
            for (std::size_t i = 0; i < 2000; ++i)
                writer.remove(big, names[i]);
            CHECK(writer.inode(big).links == 64002);
            writer.finish();
        }
        CHECK(complaints_of_e2fsck(image) == "");
    }

    TEST_CASE("a file may have 65000 names and no more") {
        ImageFile image(256U << 20U);
        ext4::format(image, options_for(image.size()));
        FileSystem fs(image, FileSystemAccess::read_write);
        TreeWriter writer(fs);
        const InodeNumber file = writer.create(kRootInode, "f", {FileType::regular, {}});
        for (int i = 1; i < 65000; ++i)
            writer.link(kRootInode, fmt::format("link{}", i), file);
        CHECK(failure_of([&] { writer.link(kRootInode, "one more", file); }) == Errc::unsupported);
        writer.finish();
        CHECK(complaints_of_e2fsck(image) == "");
    }
}

} // namespace thinsnap::test
