#include "pdata/node.hpp"

#include <array>
#include <vector>

#include <doctest/doctest.h>

namespace thinsnap::test {

using pdata::BlockBytes;
using pdata::kBlockSize;
using pdata::max_entries_for;
using pdata::NodeEditor;
using pdata::NodeView;

namespace {

struct Leaf {
    std::array<std::byte, kBlockSize> block{};
    NodeEditor node{BlockBytes(block)};

    explicit Leaf(const std::vector<std::uint64_t>& keys = {}) {
        node.format(true, 8);
        for (const std::uint64_t key : keys)
            append(key);
    }
    void append(std::uint64_t key) { node.insert_child(node.view().size(), key, MetaBlock(key)); }
    [[nodiscard]] std::vector<std::uint64_t> keys() const {
        std::vector<std::uint64_t> keys;
        for (std::uint32_t i = 0; i < node.view().size(); ++i) {
            keys.push_back(node.view().key(i));
            REQUIRE(node.view().value64(i) == node.view().key(i)); // entries moved as a whole
        }
        return keys;
    }
};

using Keys = std::vector<std::uint64_t>;

} // namespace

TEST_SUITE("pdata.node") {
    TEST_CASE("a node holds as many entries as the kernel lets it") {
        CHECK(max_entries_for(4) == 336);
        CHECK(max_entries_for(8) == 252);
        CHECK(max_entries_for(16) == 168);
        CHECK(max_entries_for(24) == 126);
        CHECK(pdata::min_entries(252) == 84);
    }

    TEST_CASE("header and arrays stand where the kernel looks for them") {
        Leaf leaf({7});
        const std::span<const std::byte> block(leaf.block);
        CHECK(load_le<std::uint32_t>(block, 4) == 2);
        CHECK(load_le<std::uint32_t>(block, 16) == 1);
        CHECK(load_le<std::uint32_t>(block, 20) == 252);
        CHECK(load_le<std::uint32_t>(block, 24) == 8);
        CHECK(load_le<std::uint64_t>(block, 32) == 7);
        CHECK(load_le<std::uint64_t>(block, 32 + 252 * 8) == 7);
    }

    TEST_CASE("floor index is the last key that is not larger") {
        const Leaf leaf({10, 20, 30});
        const NodeView view = leaf.node.view();
        CHECK(view.floor_index(9) == std::nullopt);
        CHECK(view.floor_index(10) == 0U);
        CHECK(view.floor_index(19) == 0U);
        CHECK(view.floor_index(20) == 1U);
        CHECK(view.floor_index(31) == 2U);
        CHECK(view.floor_index(UINT64_MAX) == 2U);
        CHECK(Leaf().node.view().floor_index(0) == std::nullopt);
    }

    TEST_CASE("floor index finds keys of runs with holes") {
        const Leaf leaf({5, 6, 7, 100, 101, 102});
        const NodeView view = leaf.node.view();
        CHECK(view.floor_index(7) == 2U);
        CHECK(view.floor_index(8) == 2U);
        CHECK(view.floor_index(99) == 2U);
        CHECK(view.floor_index(101) == 4U);
        CHECK(view.floor_index(10) == 2U); // the guess falls on another key
    }

    TEST_CASE("entries are inserted and removed at any place") {
        Leaf leaf({10, 30});
        leaf.node.insert_child(1, 20, MetaBlock(20));
        leaf.node.insert_child(0, 5, MetaBlock(5));
        leaf.node.insert_child(4, 40, MetaBlock(40));
        CHECK(leaf.keys() == Keys{5, 10, 20, 30, 40});
        leaf.node.remove(0);
        leaf.node.remove(3);
        leaf.node.remove(1);
        CHECK(leaf.keys() == Keys{10, 30});
    }

    TEST_CASE("a node takes the front of its right neighbour") {
        Leaf left({1, 2});
        Leaf right({3, 4, 5});
        left.node.take_front_of(right.node, 2);
        CHECK(left.keys() == Keys{1, 2, 3, 4});
        CHECK(right.keys() == Keys{5});
        left.node.take_front_of(right.node, 1);
        CHECK(right.keys().empty());
        CHECK(left.keys() == Keys{1, 2, 3, 4, 5});
    }

    TEST_CASE("a node gives its end to its right neighbour") {
        Leaf left({1, 2, 3});
        Leaf right({4});
        left.node.give_back_to(right.node, 2);
        CHECK(left.keys() == Keys{1});
        CHECK(right.keys() == Keys{2, 3, 4});
        left.node.give_back_to(right.node, 1);
        CHECK(left.keys().empty());
        CHECK(right.keys() == Keys{1, 2, 3, 4});
    }

    TEST_CASE("a full node is full to the last byte") {
        Leaf left;
        Leaf right;
        for (std::uint64_t key = 0; key < 252; ++key)
            left.append(key);
        left.node.give_back_to(right.node, 252);
        left.node.take_front_of(right.node, 252);
        CHECK(left.keys().size() == 252);
        CHECK(left.keys().back() == 251);
    }

    TEST_CASE("values of 24 bytes move as a whole") {
        std::array<std::byte, kBlockSize> block{};
        NodeEditor node{BlockBytes(block)};
        node.format(true, 24);
        for (unsigned char i = 0; i < 126; ++i) {
            std::array<std::byte, 24> value{};
            value.fill(std::byte{i});
            node.insert(0, 1000U - i, value);
        }
        CHECK(node.view().size() == 126);
        for (std::uint32_t i = 0; i < 126; ++i) {
            const auto value = node.view().value(i);
            REQUIRE(value.size() == 24);
            REQUIRE(std::to_integer<std::uint32_t>(value[0]) == 125 - i);
            REQUIRE(value[23] == value[0]);
        }
    }

    TEST_CASE("a node of other limits is given those of the format") {
        Leaf leaf({1, 2, 3});
        // what another tool may write: 249 entries, so the values stand 24 bytes earlier
        const std::vector<std::byte> values(leaf.block.begin() + 32 + 252 * 8,
                                            leaf.block.begin() + 32 + 252 * 8 + 24);
        std::copy(values.begin(), values.end(), leaf.block.begin() + 32 + 249 * 8);
        store_le<std::uint32_t>(leaf.block, 20, 249);
        CHECK(leaf.keys() == Keys{1, 2, 3});
        leaf.node.normalise(MetaBlock(9));
        CHECK(leaf.node.view().max() == 252);
        CHECK(leaf.keys() == Keys{1, 2, 3});
    }
}

} // namespace thinsnap::test
