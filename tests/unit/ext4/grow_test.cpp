#include <array>
#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system.hpp"
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

using ext4::FileSystem;
using ext4::FileSystemAccess;

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

struct Growth {
    std::uint64_t from;
    std::uint64_t to;
};
constexpr std::array<Growth, 9> kGrowths = {{
    {10 * kGiB, 20 * kGiB},
    {10 * kGiB, 100 * kGiB},
    {10 * kGiB, 1024 * kGiB},
    {ext4::kMinSize, 10 * kGiB},
    {kGiB + 7 * kMiB, 10 * kGiB},
    {kGiB + 77 * kMiB, 11 * kGiB + 5 * kMiB},
    {21 * kGiB + 100 * kMiB, 300 * kGiB + 100 * kMiB},
    {10 * kGiB + 3 * kMiB, 10 * kGiB + 100 * kMiB},
    {1024 * kGiB, 3072 * kGiB},
}};

void grow(BlockDevice& device, std::uint64_t to) {
    FileSystem fs(device, FileSystemAccess::read_write);
    fs.grow(to);
    fs.flush();
}

ext4::GroupPlace place_of(const FileSystem& fs, std::uint32_t group) {
    ext2_filsys native = fs.handle().native();
    return {ext2fs_block_bitmap_loc(native, group),
            ext2fs_inode_bitmap_loc(native, group),
            ext2fs_inode_table_loc(native, group)};
}

} // namespace

TEST_SUITE_BEGIN("ext4.grow");

TEST_CASE("e2fsck finds nothing wrong with a grown file system") {
    if (!have_tool("e2fsck"))
        return skip("e2fsck is not installed");
    for (const Growth& growth : kGrowths) {
        const std::uint64_t from = growth.from;
        const std::uint64_t to = growth.to;
        if (to > 128 * kGiB && !long_run())
            continue; // interop.ext4 has one of these
        CAPTURE(from);
        CAPTURE(to);
        ImageFile image(to);
        ext4::format(image, options_for(from));
        grow(image, to);
        CHECK(complaints_of_e2fsck(image) == "");
    }
}

TEST_CASE("a grown file system is laid out like one made so large") {
    for (const Growth& growth : kGrowths) {
        const std::uint64_t from = growth.from;
        const std::uint64_t to = growth.to;
        CAPTURE(from);
        CAPTURE(to);
        SparseDevice grown(to);
        ext4::format(grown, options_for(from));
        grow(grown, to);
        SparseDevice made(to);
        ext4::format(made, options_for(to));
        const FileSystem left(grown, FileSystemAccess::read_only);
        const FileSystem right(made, FileSystemAccess::read_only);
        REQUIRE(left.statistics().size == right.statistics().size);
        REQUIRE(left.handle().nr_groups() == right.handle().nr_groups());
        for (std::uint32_t group = 0; group < left.handle().nr_groups(); ++group) {
            REQUIRE((place_of(left, group) == place_of(right, group)));
            REQUIRE((place_of(left, group) == ext4::place_of_group(group)));
        }
        CHECK(left.statistics().inodes == right.statistics().inodes);
    }
}

TEST_CASE("growing takes few chunks") {
    ImageFile image(20 * kGiB);
    ext4::format(image, options_for(10 * kGiB));
    image.forget_touched();
    grow(image, 20 * kGiB);
    CHECK(image.touched().size() <= 13);
}

TEST_CASE("growing step by step ends like growing at once") {
    if (!have_tool("e2fsck"))
        return skip("e2fsck is not installed");
    ImageFile image(80 * kGiB);
    ext4::format(image, options_for(kGiB));
    FileSystem fs(image, FileSystemAccess::read_write);
    for (const std::uint64_t size :
         {2 * kGiB, 5 * kGiB + 3 * kMiB, 11 * kGiB, 50 * kGiB, 80 * kGiB}) {
        fs.grow(size);
        fs.flush();
        CAPTURE(size);
        CHECK(complaints_of_e2fsck(image) == "");
    }
    for (std::uint32_t group = 0; group < fs.handle().nr_groups(); ++group)
        REQUIRE((place_of(fs, group) == ext4::place_of_group(group)));
}

TEST_CASE("bitmaps whose place is taken go to the first new group") {
    if (!have_tool("e2fsck") || !have_tool("debugfs"))
        return skip("e2fsprogs are not installed");
    ImageFile image(10 * kGiB);
    ext4::format(image, options_for(kGiB));
    {
        // A file as large as all that is free.
        FileSystem fs(image, FileSystemAccess::read_only);
        const std::string blocks = std::to_string(fs.statistics().free_blocks - 100);
        debugfs_write(image, {"write /dev/null f", "sif f size 1", "fallocate f 0 " + blocks});
    }
    REQUIRE(complaints_of_e2fsck(image) == "");
    grow(image, 10 * kGiB);
    CHECK(complaints_of_e2fsck(image) == "");
    const FileSystem fs(image, FileSystemAccess::read_only);
    CHECK(place_of(fs, 8).block_bitmap / ext4::kBlocksPerGroup == 8);
    CHECK(place_of(fs, 79).inode_bitmap / ext4::kBlocksPerGroup == 8);
    CHECK(place_of(fs, 79).inode_table == ext4::place_of_group(79).inode_table);
}

TEST_CASE("what grow will want is told to who allocates") {
    SparseDevice device(20 * kGiB);
    ext4::format(device, options_for(kGiB));
    FileSystem fs(device, FileSystemAccess::read_write);
    const auto kept = fs.handle().kept_for_growth();
    REQUIRE(kept.size() == 2);
    CHECK(kept[0].first == ext4::place_of_group(8).block_bitmap);
    CHECK(kept[0].count == 72);
    CHECK(kept[1].first == ext4::place_of_group(8).inode_bitmap);
    fs.grow(10 * kGiB);
    CHECK(fs.handle().kept_for_growth().empty());
}

TEST_CASE("nothing is written before flush") {
    SparseDevice device(20 * kGiB);
    ext4::format(device, options_for(10 * kGiB));
    const std::uint64_t before = device.bytes_written();
    {
        FileSystem fs(device, FileSystemAccess::read_write);
        fs.grow(20 * kGiB);
        CHECK(fs.statistics().size == 20 * kGiB);
    }
    CHECK(device.bytes_written() == before);
    const FileSystem fs(device, FileSystemAccess::read_only);
    CHECK(fs.statistics().size == 10 * kGiB);
}

TEST_CASE("a size that cannot be is refused") {
    SparseDevice device(20 * kGiB);
    ext4::format(device, options_for(10 * kGiB));
    FileSystem fs(device, FileSystemAccess::read_write);
    CHECK(fs.max_size() == 1024 * kGiB);
    CHECK(failure_of([&] { fs.grow(20 * kGiB + 4096); }) == Errc::invalid_argument);
    CHECK(failure_of([&] { fs.grow(5 * kGiB); }) == Errc::invalid_argument);
    device.resize(2048 * kGiB);
    CHECK(failure_of([&] { fs.grow(1025 * kGiB); }) == Errc::unsupported);
    fs.grow(10 * kGiB);
    fs.grow(10 * kGiB + kMiB); // no room for a group
    CHECK(fs.statistics().size == 10 * kGiB);
    FileSystem reader(device, FileSystemAccess::read_only);
    CHECK(failure_of([&] { reader.grow(20 * kGiB); }) == Errc::precondition);
    CHECK(failure_of([&] { reader.flush(); }) == Errc::precondition);
}

TEST_SUITE_END();

} // namespace thinsnap::test
