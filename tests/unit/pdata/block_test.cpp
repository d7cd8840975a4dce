#include "pdata/block.hpp"

#include <array>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "pdata/node.hpp"

namespace thinsnap::test {

using pdata::BlockBytes;
using pdata::BlockKind;
using pdata::kBlockSize;
using pdata::seal;
using pdata::validate;

namespace {

using Block = std::array<std::byte, kBlockSize>;

constexpr std::array kKinds{
    BlockKind::superblock, BlockKind::node, BlockKind::bitmap, BlockKind::index};

/// A leaf of 8-byte values with keys 10, 20, 30, sealed as block 5.
Block make_leaf() {
    Block block{};
    pdata::NodeEditor node{BlockBytes(block)};
    node.format(true, 8);
    for (std::uint64_t key = 10; key <= 30; key += 10)
        node.insert(node.view().size(), key, std::array<std::byte, 8>{});
    seal(BlockKind::node, MetaBlock(5), block);
    return block;
}

/// Whether block 5 is refused, naming itself, after `change` and with a right checksum.
template <class Change>
bool refused(const Change& change) {
    Block block = make_leaf();
    change(std::span<std::byte>(block));
    seal(BlockKind::node, MetaBlock(5), block);
    try {
        validate(BlockKind::node, MetaBlock(5), block);
    } catch (const CorruptionError& error) {
        return error.block() == 5;
    }
    return false;
}

} // namespace

TEST_SUITE("pdata.block") {
    TEST_CASE("each kind of block has the checksum that the kernel gives it") {
        const auto stored = [](BlockKind kind) {
            Block zeros{};
            seal(kind, MetaBlock(0), zeros);
            return load_le<std::uint32_t>(zeros, 0);
        };
        CHECK(stored(BlockKind::superblock) == 0x58CFD397U);
        CHECK(stored(BlockKind::node) == 0x58CC7E82U);
        CHECK(stored(BlockKind::bitmap) == 0x58CE0B1AU);
        CHECK(stored(BlockKind::index) == 0x58CFD54FU);
    }

    TEST_CASE("a sealed block passes as its own kind at its own place alone") {
        for (const BlockKind kind : kKinds) {
            Block block = make_leaf();
            seal(kind, MetaBlock(5), block);
            CHECK_NOTHROW(validate(kind, MetaBlock(5), block));
            CHECK_THROWS_AS(validate(kind, MetaBlock(6), block), CorruptionError);
            for (const BlockKind other : kKinds)
                if (other != kind)
                    CHECK_THROWS_AS(validate(other, MetaBlock(5), block), CorruptionError);
        }
    }

    TEST_CASE("a flipped bit anywhere is found") {
        Block block = make_leaf();
        for (std::size_t at = 0; at < kBlockSize; at += 7) {
            block.at(at) ^= std::byte{0x10};
            CAPTURE(at);
            CHECK_THROWS_AS(validate(BlockKind::node, MetaBlock(5), block), CorruptionError);
            block.at(at) ^= std::byte{0x10};
        }
        CHECK_NOTHROW(validate(BlockKind::node, MetaBlock(5), block));
    }

    TEST_CASE("a node must be internal or a leaf") {
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 4, 0); }));
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 4, 3); }));
        CHECK_FALSE(refused([](auto block) { store_le<std::uint32_t>(block, 4, 2); }));
    }

    TEST_CASE("a node must hold its entries") {
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 16, 253); }));
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 20, 255); }));
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 20, 2); }));
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 24, 0); }));
        CHECK(refused([](auto block) { store_le<std::uint32_t>(block, 24, 9); }));
    }

    TEST_CASE("limits of a node whose product overflows are refused") {
        CHECK(refused([](auto block) {
            for (std::uint64_t i = 0; 32 + 8 * i < kBlockSize; ++i)
                store_le<std::uint64_t>(block, 32 + 8 * i, i); // keys as far as the block goes
            store_le<std::uint32_t>(block, 16, 0xFFFFFFFFU);
            store_le<std::uint32_t>(block, 20, 0xFFFFFFFFU);
            store_le<std::uint32_t>(block, 24, 0xFFFFFFF9U); // (2^32-1)(2^32+1) = 2^64-1
        }));
    }

    TEST_CASE("the keys of a node must ascend") {
        CHECK(refused([](auto block) { store_le<std::uint64_t>(block, 32 + 8, 10); }));
        CHECK(refused([](auto block) { store_le<std::uint64_t>(block, 32 + 8, 31); }));
        CHECK_FALSE(refused([](auto block) { store_le<std::uint64_t>(block, 32 + 8, 29); }));
    }

    TEST_CASE("an internal node must have a child") {
        CHECK(refused([](auto block) {
            store_le<std::uint32_t>(block, 4, 1);
            store_le<std::uint32_t>(block, 16, 0);
        }));
        CHECK_FALSE(refused([](auto block) { store_le<std::uint32_t>(block, 16, 0); }));
    }

    TEST_CASE("an error names the kind of the block and both checksums") {
        Block block = make_leaf();
        block[100] ^= std::byte{1};
        try {
            validate(BlockKind::node, MetaBlock(5), block);
            FAIL("it passed");
        } catch (const CorruptionError& error) {
            const std::string_view text = error.what();
            CHECK(text.find("btree node") != std::string_view::npos);
            CHECK(text.find("checksum is 0x") != std::string_view::npos);
        }
    }
}

} // namespace thinsnap::test
