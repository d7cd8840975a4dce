#include "ext4/tree/extent_tree.hpp"

#include <array>
#include <cstring>
#include <map>
#include <vector>

#include <doctest/doctest.h>

#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"

#include "support/content.hpp"

namespace thinsnap::test {

using ext4::tree::append_extent;
using ext4::tree::build_extent_tree;
using ext4::tree::BuiltExtentTree;
using ext4::tree::Extent;
using ext4::tree::ExtentTreeContent;
using ext4::tree::FsBlock;
using ext4::tree::read_extent_tree;
using ext4::tree::seal_extent_block;

namespace {

constexpr std::uint32_t kSeed = 0x1234;

using Block = std::array<std::byte, 4096>;

/// Tree blocks in memory, from block 1000 on.
struct Blocks {
    std::map<std::uint64_t, Block> blocks;
    std::uint64_t next = 1000;
    int reads = 0;

    BuiltExtentTree build(const std::vector<Extent>& extents) {
        return build_extent_tree(
            extents,
            {[this] { return FsBlock(next++); },
             [this](FsBlock where, std::span<const std::byte> content) {
                 std::memcpy(blocks[where.value()].data(), content.data(), content.size());
             },
             kSeed});
    }
    ExtentTreeContent read(std::span<const std::byte> root) {
        return read_extent_tree(root,
                                {[this](FsBlock where, std::span<std::byte> into) {
                                     ++reads;
                                     std::memcpy(
                                         into.data(), blocks.at(where.value()).data(), into.size());
                                 },
                                 std::uint64_t{1} << 31U,
                                 kSeed});
    }
};

std::vector<Extent> scattered(std::uint32_t count) {
    std::vector<Extent> extents;
    for (std::uint32_t i = 0; i < count; ++i)
        extents.push_back({i * 3, 2, FsBlock(100000 + i * 5), i % 7 == 0});
    return extents;
}

bool equal(const std::vector<Extent>& a, const std::vector<Extent>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Extent& x, const Extent& y) {
        return x.logical == y.logical && x.count == y.count && x.physical == y.physical &&
               x.unwritten == y.unwritten;
    });
}

} // namespace

TEST_SUITE("ext4.extent_tree") {
    TEST_CASE("a tree of any size is read as it was built") {
        for (const std::uint32_t count :
             {0U, 1U, 4U, 5U, 340U, 341U, 4U * 340U, 4U * 340U + 1U, 200000U, 500000U}) {
            CAPTURE(count);
            Blocks blocks;
            const auto extents = scattered(count);
            const BuiltExtentTree tree = blocks.build(extents);
            const ExtentTreeContent content = blocks.read(tree.root);
            CHECK(equal(content.extents, extents));
            CHECK(content.tree_blocks.size() == tree.tree_blocks);
            CHECK(blocks.blocks.size() == tree.tree_blocks);
        }
    }

    TEST_CASE("a long run is cut to what an extent can say") {
        Blocks blocks;
        const auto tree = blocks.build({{0, 100000, FsBlock(5000), false}});
        const auto content = blocks.read(tree.root);
        REQUIRE(content.extents.size() == 4);
        CHECK(content.extents[0].count == 32768);
        CHECK(content.extents[3].count == 100000 - 3 * 32768);
        const auto unwritten = blocks.build({{0, 40000, FsBlock(5000), true}});
        CHECK(blocks.read(unwritten.root).extents[0].count == 32767);
    }

    TEST_CASE("extents that go on are joined") {
        std::vector<Extent> extents;
        append_extent(extents, {0, 4, FsBlock(100), false});
        append_extent(extents, {4, 4, FsBlock(104), false});
        append_extent(extents, {9, 1, FsBlock(108), false});
        append_extent(extents, {10, 1, FsBlock(110), false});
        CHECK(extents.size() == 3);
        CHECK(extents.front().count == 8);
    }

    TEST_CASE("a tree that contradicts itself is corrupt") {
        Blocks blocks;
        BuiltExtentTree tree = blocks.build(scattered(700));
        Block& first = blocks.blocks.at(1000);
        const auto is_corrupt = [&] {
            return failure_of([&] { (void)blocks.read(tree.root); }) == Errc::corrupt;
        };
        SUBCASE("checksum") {
            first[100] ^= std::byte{1};
        }
        SUBCASE("magic") {
            tree.root[0] = std::byte{0};
        }
        SUBCASE("more entries than there is room for") {
            tree.root[2] = std::byte{5};
        }
        SUBCASE("too deep") {
            tree.root[6] = std::byte{6};
        }
        SUBCASE("a child outside") {
            store_le<std::uint32_t>(tree.root, 16, 0xFFFFFFFF);
        }
        SUBCASE("a child twice") {
            store_le<std::uint32_t>(tree.root, 16 + 12, 1000);
        }
        SUBCASE("a depth that does not fit") {
            store_le<std::uint16_t>(first, 6, 1);
            seal_extent_block(first, kSeed);
        }
        SUBCASE("an empty node") {
            store_le<std::uint16_t>(first, 2, 0);
            seal_extent_block(first, kSeed);
        }
        SUBCASE("an extent of no length") {
            store_le<std::uint16_t>(first, 12 + 4, 0);
            seal_extent_block(first, kSeed);
        }
        CHECK(is_corrupt());
        CHECK(blocks.reads <= 4);
    }
}

} // namespace thinsnap::test
