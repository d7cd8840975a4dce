#include "ext4/layout.hpp"

#include <set>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

using namespace ext4; // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

} // namespace

TEST_SUITE_BEGIN("ext4.layout");

TEST_CASE("a size is rounded down to blocks and a last group of use") {
    CHECK(usable_size(10 * kGiB) == 10 * kGiB);
    CHECK(usable_size(10 * kGiB + 4095) == 10 * kGiB);
    CHECK(usable_size(kMinSize) == kMinSize);
    // group 81 has a superblock: 1040 blocks, a table of 512, and 64 of content
    CHECK(usable_size(81 * kGroupSize + 1615 * kBlockSize) == 81 * kGroupSize);
    CHECK(usable_size(81 * kGroupSize + 1616 * kBlockSize) == 81 * kGroupSize + 1616 * kBlockSize);
    // group 82 has none
    CHECK(usable_size(82 * kGroupSize + 575 * kBlockSize) == 82 * kGroupSize);
    CHECK(usable_size(82 * kGroupSize + 576 * kBlockSize) == 82 * kGroupSize + 576 * kBlockSize);
    // group 80 begins a cluster: the bitmaps of 80 groups
    CHECK(usable_size(80 * kGroupSize + 735 * kBlockSize) == 80 * kGroupSize);
    CHECK(usable_size(80 * kGroupSize + 736 * kBlockSize) == 80 * kGroupSize + 736 * kBlockSize);
}

TEST_CASE("a size that no file system can have is refused") {
    CHECK(failure_of([] { (void)usable_size(kMinSize - 1); }) == Errc::invalid_argument);
    CHECK(failure_of([] { (void)usable_size(kMaxSize + 1); }) == Errc::invalid_argument);
    CHECK(usable_size(kMaxSize) <= kMaxSize);
}

TEST_CASE("the next size is twice as much from the base size on") {
    CHECK(next_size(kMinSize) == kBaseSize);
    CHECK(next_size(kBaseSize) == 2 * kBaseSize);
    CHECK(next_size(21 * kGiB) == 42 * kGiB);
    CHECK(next_size(kMaxSize - kMiB) == kMaxSize);
    CHECK(failure_of([] { (void)next_size(kMaxSize); }) == Errc::no_space);
}

TEST_CASE("clusters double and their bitmaps fit into their first group") {
    CHECK(cluster_of(0).first == 0);
    CHECK(cluster_of(79).first == 0);
    CHECK(cluster_of(80).first == 80);
    CHECK(cluster_of(80).count == 80);
    CHECK(cluster_of(160).count == 160);
    CHECK(cluster_of(8191).first == 5120);
    CHECK(cluster_of(122879).count == 10240);
    for (std::uint32_t group = 0; group < 131072;) {
        const Cluster cluster = cluster_of(group);
        CHECK(cluster.first == group);
        group += cluster.count;
        const GroupPlace last = place_of_group(group - 1);
        CHECK(last.inode_bitmap / kBlocksPerGroup == cluster.first);
        CHECK(place_of_group(cluster.first).inode_table > last.inode_bitmap);
        CHECK((place_of_group(cluster.first).inode_table + kTableBlocks - 1) / kBlocksPerGroup ==
              cluster.first);
    }
}

TEST_CASE("no two pieces of metadata overlap") {
    std::set<std::uint64_t> seen;
    const auto take = [&](std::uint64_t block) { return seen.insert(block).second; };
    for (std::uint32_t group = 0; group < 1500; ++group) {
        const GroupPlace place = place_of_group(group);
        bool fresh = take(place.block_bitmap) && take(place.inode_bitmap);
        for (std::uint32_t i = 0; i < kTableBlocks; ++i)
            fresh = take(place.inode_table + i) && fresh;
        for (std::uint32_t i = 0; has_superblock(group) && i < kSuperblockRoom; ++i)
            fresh = take(std::uint64_t{group} * kBlocksPerGroup + i) && fresh;
        REQUIRE(fresh);
    }
    for (std::uint64_t i = 0; i < journal_place().count; ++i)
        REQUIRE(take(journal_place().first + i));
}

TEST_CASE("the bitmaps of sixteen groups share a chunk and tables begin with one") {
    for (std::uint32_t group = 0; group < 1280; ++group) {
        const GroupPlace place = place_of_group(group);
        const GroupPlace first = place_of_group(group / 16 * 16);
        REQUIRE(place.block_bitmap / 16 == first.block_bitmap / 16);
        REQUIRE(place.inode_bitmap / 16 == first.inode_bitmap / 16);
        REQUIRE(place.block_bitmap / 16 != place.inode_bitmap / 16);
        REQUIRE(place.inode_table % 16 == 0);
    }
    CHECK(journal_place().first % 16 == 0);
}

TEST_CASE("descriptors are reserved for 1 TiB or four times the size") {
    CHECK(descriptor_room(kMinSize) == 64);
    CHECK(descriptor_room(256 * kGiB) == 64);
    CHECK(descriptor_room(257 * kGiB) == 65);
    CHECK(descriptor_room(1024 * kGiB) == 256);
    CHECK(descriptor_room(kMaxSize) == 1024);
}

TEST_SUITE_END();

} // namespace thinsnap::test
