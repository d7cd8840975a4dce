// Journals that the kernel left behind: images copied while they are mounted.

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"

#include "support/ext4_image.hpp"
#include "support/ext4_mount.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;
using ext4::FileSystem;
using ext4::FileSystemAccess;

constexpr std::uint64_t kGiB = 1ULL << 30U;

/// Files and directories come, go and change their names, by the seed.
void work(const fs::path& root, std::uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < 400; ++i) {
        const fs::path directory = root / ("d" + std::to_string(random.below(8)));
        const fs::path file = directory / ("f" + std::to_string(random.below(60)));
        fs::create_directories(directory);
        switch (random.below(8)) {
        case 0:
            fs::remove(file);
            break;
        case 1:
            fs::remove_all(directory); // revokes its blocks
            break;
        case 2:
            fs::rename(directory, root / ("r" + std::to_string(random.next())));
            break;
        default:
            std::ofstream(file) << std::string(random.below(20'000), 'c') << i;
        }
    }
}

void sync_file_system(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    CHECK(::syncfs(fd) == 0);
    ::close(fd);
}

std::map<std::string, std::string> tree_of(const fs::path& root) {
    std::map<std::string, std::string> tree;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        std::string& text = tree[fs::relative(entry.path(), root)];
        std::ifstream file(entry.path(), std::ios::binary);
        text = entry.is_directory() ? "directory"
                                    : std::string(std::istreambuf_iterator<char>(file), {});
    }
    return tree;
}

std::map<std::string, std::string> tree_of(const FileSystem& ours) {
    std::map<std::string, std::string> tree;
    ours.for_each_in_tree(ours.root(), [&](const ext4::TreeEntry& entry) {
        std::string& text = tree[std::string(entry.path)];
        if (entry.inode.type == ext4::FileType::directory) {
            text = "directory";
            return;
        }
        text.resize(entry.inode.size);
        (void)ours.read(entry.inode.number, 0, std::as_writable_bytes(std::span(text)));
    });
    return tree;
}

} // namespace

TEST_SUITE_BEGIN("ext4.kernel_journal");

TEST_CASE("an image copied while it is mounted shows what was committed") {
    const std::uint64_t seed = test_seed();
    CAPTURE(seed);
    ImageFile image(kGiB);
    ext4::format(image, options_for(kGiB));
    std::string why;
    auto mount = Mount::try_mount(image, why);
    if (!mount)
        return skip(why);
    for (std::uint64_t round = 0; round < (long_run() ? 100U : 6U); ++round) {
        CAPTURE(round);
        work(mount->path(), seed + round);
        sync_file_system(mount->path());
        ImageFile copy(kGiB);
        copy.copy_from(image);
        const auto expected = tree_of(mount->path());
        REQUIRE(debugfs(copy, "features").find("needs_recovery") != std::string::npos);
        {
            const FileSystem reader(copy, FileSystemAccess::read_only);
            CHECK((tree_of(reader) == expected));
        }
        CHECK(debugfs(copy, "features").find("needs_recovery") != std::string::npos);
        {
            FileSystem writer(copy, FileSystemAccess::read_write);
            CHECK((tree_of(writer) == expected));
            writer.flush();
        }
        CHECK(debugfs(copy, "features").find("needs_recovery") == std::string::npos);
        CHECK(complaints_of_e2fsck(copy) == "");
    }
}

TEST_CASE("an image copied at any moment is whole after the replay") {
    const std::uint64_t seed = test_seed();
    CAPTURE(seed);
    ImageFile image(kGiB);
    ext4::format(image, options_for(kGiB));
    std::string why;
    auto mount = Mount::try_mount(image, why, "rw,commit=1");
    if (!mount)
        return skip(why);
    for (std::uint64_t round = 0; round < (long_run() ? 100U : 6U); ++round) {
        CAPTURE(round);
        work(mount->path(), seed + round);
        const int fd = ::open(mount->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ::fsync(fd); // commits, and leaves the rest to the journal
        ::close(fd);
        ImageFile copy(kGiB);
        copy.copy_from(image);
        FileSystem ours(copy, FileSystemAccess::read_write);
        ours.flush();
        CHECK(complaints_of_e2fsck(copy) == "");
    }
}

TEST_SUITE_END();

} // namespace thinsnap::test
