// A block under a right checksum, taken for a btree node: what validate() lets pass can be looked
// at and changed without leaving the block.

#include <algorithm>
#include <array>
#include <stdexcept>

#include <thinsnap/error.hpp>

#include "pdata/block.hpp"
#include "pdata/node.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

using pdata::BlockBytes;
using pdata::BlockKind;
using pdata::kBlockSize;
using pdata::NodeEditor;
using pdata::NodeView;

/// What BtreeReader::node() asks for before anybody changes a node.
bool is_of_the_format(NodeView node) {
    constexpr std::array kSizes{4U, 8U, 16U, 24U};
    return std::ranges::find(kSizes, node.value_size()) != kSizes.end();
}

void look_at(NodeView node) {
    for (std::uint32_t i = 0; i < node.size(); ++i) {
        if (node.value(i).size() != node.value_size())
            throw std::logic_error("a value is cut off");
        const auto found = node.floor_index(node.key(i));
        if (!found || *found != i)
            throw std::logic_error("a key is not found");
    }
    (void)node.floor_index(0);
    (void)node.floor_index(UINT64_MAX);
}

void change(NodeEditor node) {
    node.normalise(MetaBlock(1));
    look_at(node.view());
    if (node.view().size() == 0)
        return;
    const std::uint32_t middle = node.view().size() / 2;
    const std::uint64_t key = node.view().key(middle);
    std::array<std::byte, kBlockSize> value{};
    const auto width = node.view().value_size();
    std::ranges::copy(node.view().value(middle), value.begin());
    node.remove(middle);
    node.insert(middle, key, std::span(value).first(width));
    look_at(node.view());
    std::array<std::byte, kBlockSize> other{};
    NodeEditor right{BlockBytes(other)};
    right.format(node.view().is_leaf(), width);
    node.give_back_to(right, middle);
    node.take_front_of(right, right.view().size());
    look_at(node.view());
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    std::array<std::byte, kBlockSize> block{};
    std::ranges::copy(input.first(std::min(input.size(), kBlockSize)), block.begin());
    pdata::seal(BlockKind::node, MetaBlock(1), block);
    try {
        pdata::validate(BlockKind::node, MetaBlock(1), block);
        look_at(NodeView(block));
        if (is_of_the_format(NodeView(block)))
            change(NodeEditor{BlockBytes(block)});
    } catch (const Error&) { // it says what is wrong with the block
    }
    return 0;
}

} // namespace thinsnap::test
