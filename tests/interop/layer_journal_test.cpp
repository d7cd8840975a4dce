// The difference of a container that the kernel has mounted: what the journal alone holds of it.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/tree_writer.hpp"
#include "layer/diff.hpp"

#include "support/ext4_image.hpp"
#include "support/ext4_mount.hpp"
#include "support/skip.hpp"

namespace thinsnap::test {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;

namespace {

constexpr std::uint64_t kSize = 256U << 20U;

void make_lower(ImageFile& image) {
    ext4::format(image, options_for(kSize));
    FileSystem fs(image, FileSystemAccess::read_write);
    ext4::TreeWriter writer(fs);
    for (int d = 0; d < 20; ++d) {
        const auto directory = writer.create(
            fs.root(), fmt::format("d{}", d), {FileType::directory, {0755, 0, 0, {}}});
        for (int f = 0; f < 30; ++f)
            writer.create(directory, fmt::format("f{}", f), {FileType::regular, {0644, 0, 0, {}}});
    }
    writer.finish();
}

/// The chunks in which they differ.
std::vector<layer::ByteRange> changed_ranges(ImageFile& lower, ImageFile& upper) {
    std::vector<layer::ByteRange> ranges;
    std::vector<std::byte> a(ImageFile::kChunk);
    std::vector<std::byte> b(ImageFile::kChunk);
    for (std::uint64_t at = 0; at < kSize; at += ImageFile::kChunk) {
        lower.read(at, a);
        upper.read(at, b);
        if (a != b)
            ranges.push_back({at, ImageFile::kChunk});
    }
    return ranges;
}

std::string diff_text(const FileSystem& lower,
                      const FileSystem& upper,
                      const std::vector<layer::ByteRange>& ranges) {
    std::string text;
    for (const layer::Change& change : layer::find_changes(lower, upper, ranges))
        text += fmt::format("{} {}\n", layer::change_letter(change.kind), change.path);
    return text;
}

/// Changes attributes and names, and lets the kernel commit that to its journal.
void change_and_commit(const std::filesystem::path& root) {
    const std::string file = root / "d7/f7";
    CHECK(::chmod(file.c_str(), 0600) == 0);
    std::filesystem::remove(root / "d9/f9");
    std::filesystem::rename(root / "d3/f3", root / "d3/g3");
    std::ofstream(root / "d5/empty").close();
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(::fsync(fd) == 0);
    ::close(fd);
}

} // namespace

TEST_SUITE("interop.layer_journal") {
    TEST_CASE("a difference that the kernel has only in its journal is found") {
        ImageFile lower(kSize);
        make_lower(lower);
        ImageFile mounted(kSize);
        mounted.copy_from(lower);
        std::string why;
        auto mount = Mount::try_mount(mounted, why);
        if (!mount)
            return skip(why);
        change_and_commit(mount->path());
        ImageFile upper(kSize);
        upper.copy_from(mounted);
        REQUIRE(debugfs(upper, "features").find("needs_recovery") != std::string::npos);

        const FileSystem before(lower, FileSystemAccess::read_only);
        const FileSystem now(upper, FileSystemAccess::read_only);
        const auto ranges = changed_ranges(lower, upper);
        // The inodes stand on the device as they were: without the replay nothing is found.
        const auto f7 = now.find(now.find(now.root(), "d7")->inode, "f7")->inode;
        std::size_t met = 0;
        for (const auto& range : ranges)
            now.for_each_inode_in(range.offset, range.length, [&](const auto& inode) {
                met += inode.number == f7 ? 1U : 0U;
            });
        CHECK(met == 0);
        CHECK(diff_text(before, now, ranges) == "C /d3\nD /d3/f3\nA /d3/g3\nC /d5\nA /d5/empty\n"
                                                "C /d7\nC /d7/f7\nC /d9\nD /d9/f9\n");

        ImageFile settled(kSize);
        settled.copy_from(upper);
        { const FileSystem replay(settled, FileSystemAccess::read_write); }
        const FileSystem again(settled, FileSystemAccess::read_only);
        CHECK(again.replayed().empty());
        CHECK(diff_text(now, again, changed_ranges(upper, settled)).empty());
        CHECK(complaints_of_e2fsck(settled) == "");
    }
}

} // namespace thinsnap::test
