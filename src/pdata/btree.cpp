#include "pdata/btree.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::pdata {

namespace {

/// Entries that stay in the left half when a full node is split for `key`: two thirds where keys
/// arrive in order, so that a device written from front to back fills its leaves better.
std::uint32_t split_point(NodeView node, std::uint64_t key) {
    const std::uint32_t n = node.size();
    const std::uint32_t least = min_entries(node.max());
    if (key > node.key(n - 1))
        return n - least;
    if (key < node.key(0))
        return least;
    return n / 2;
}

bool must_split(NodeView node, std::uint64_t key) {
    if (node.size() < node.max())
        return false;
    if (!node.is_leaf())
        return true;
    const auto i = node.floor_index(key);
    return !(i && node.key(*i) == key);
}

} // namespace

Btree::Btree(Transaction& transaction, std::uint32_t value_size, ValueReferences* references)
    : transaction_(transaction)
    , reader_(transaction.cache(), value_size)
    , references_(references) {}

MetaBlock Btree::create_empty() {
    const WriteRef block = transaction_.new_block(BlockKind::node);
    NodeEditor(block.bytes()).format(true, reader_.value_size());
    return block.where();
}

void Btree::count_children(NodeView node) {
    if (node.is_leaf()) {
        if (references_ != nullptr)
            references_->inc(node);
        return;
    }
    for (std::uint32_t i = 0; i < node.size(); ++i)
        transaction_.inc(node.child(i));
}

Transaction::Shadow Btree::shadow(MetaBlock where) {
    {
        const ReadRef node = reader_.node(where); // its values have the size that we count on
    }
    Transaction::Shadow copy = transaction_.shadow(where, BlockKind::node);
    if (copy.was_shared)
        count_children(NodeView(copy.block.bytes()));
    NodeEditor(copy.block.bytes()).normalise(copy.where());
    return copy;
}

WriteRef Btree::shadow_child(NodeEditor parent, std::uint32_t i) {
    const MetaBlock old = parent.view().child(i);
    WriteRef child = shadow(old).block;
    parent.set_child(i, child.where());
    const NodeView view(child.bytes());
    const NodeView above = parent.view();
    if (view.size() > 0 &&
        (view.key(0) < above.key(i) ||
         (i + 1 < above.size() && view.key(view.size() - 1) >= above.key(i + 1))))
        throw CorruptionError("btree node",
                              old.value(),
                              fmt::format("has keys {} to {}, its parent has it from {} on",
                                          view.key(0),
                                          view.key(view.size() - 1),
                                          above.key(i)));
    return child;
}

void Btree::split_root(NodeEditor root, std::uint64_t key) {
    const bool leaf = root.view().is_leaf();
    const std::uint32_t value_size = root.view().value_size();
    const WriteRef left = transaction_.new_block(BlockKind::node);
    const WriteRef right = transaction_.new_block(BlockKind::node);
    NodeEditor left_node(left.bytes());
    NodeEditor right_node(right.bytes());
    left_node.format(leaf, value_size);
    right_node.format(leaf, value_size);
    left_node.take_front_of(root, split_point(root.view(), key));
    right_node.take_front_of(root, root.view().size());
    root.format(false, 8);
    root.insert_child(0, left_node.view().key(0), left.where());
    root.insert_child(1, right_node.view().key(0), right.where());
}

WriteRef Btree::split_child(NodeEditor parent, std::uint32_t i, WriteRef child, std::uint64_t key) {
    NodeEditor left(child.bytes());
    const std::uint32_t stays = split_point(left.view(), key);
    WriteRef added = transaction_.new_block(BlockKind::node);
    NodeEditor right(added.bytes());
    right.format(left.view().is_leaf(), left.view().value_size());
    left.give_back_to(right, left.view().size() - stays);
    parent.insert_child(i + 1, right.view().key(0), added.where());
    return key >= right.view().key(0) ? std::move(added) : std::move(child);
}

Btree::Change Btree::insert(MetaBlock root,
                            std::uint64_t key,
                            std::span<const std::byte> value,
                            std::span<std::byte> old) {
    WriteRef block = shadow(root).block;
    Change change{block.where(), false};
    if (must_split(NodeView(block.bytes()), key))
        split_root(NodeEditor(block.bytes()), key);
    while (!NodeView(block.bytes()).is_leaf()) {
        NodeEditor node(block.bytes());
        const auto at = node.view().floor_index(key);
        if (!at)
            node.set_key(0, key);
        const std::uint32_t i = at.value_or(0);
        WriteRef child = shadow_child(node, i);
        if (must_split(NodeView(child.bytes()), key))
            child = split_child(node, i, std::move(child), key);
        block = std::move(child);
    }
    NodeEditor leaf(block.bytes());
    const auto at = leaf.view().floor_index(key);
    if (at && leaf.view().key(*at) == key) {
        if (!old.empty())
            std::ranges::copy(leaf.view().value(*at), old.begin());
        leaf.set_value(*at, value);
        change.found = true;
    } else {
        leaf.insert(at ? *at + 1 : 0, key, value);
    }
    return change;
}

void Btree::collapse_single_child(NodeEditor node) {
    const MetaBlock where = node.view().child(0);
    {
        const ReadRef child = reader_.node(where);
        std::ranges::copy(child.bytes(), node.block().begin());
    }
    if (transaction_.count(where) > 1)
        count_children(node.view());
    transaction_.dec(where);
}

/// Gives child `i` more than a third of its entries, from or together with a neighbour, so that it
/// can lose one.
void Btree::rebalance(NodeEditor parent, std::uint32_t i) {
    {
        const ReadRef child = reader_.node(parent.view().child(i));
        const NodeView view(child.bytes());
        if (view.size() > min_entries(max_entries_for(view.value_size())))
            return;
    }
    const std::uint32_t first = i == 0 ? 0 : i - 1;
    const WriteRef left_block = shadow_child(parent, first);
    MetaBlock dropped;
    {
        const WriteRef right_block = shadow_child(parent, first + 1);
        NodeEditor left(left_block.bytes());
        NodeEditor right(right_block.bytes());
        if (left.view().is_leaf() != right.view().is_leaf())
            throw CorruptionError("btree node",
                                  right_block.where().value(),
                                  "it and its left neighbour are not on the same level");
        const std::uint32_t total = left.view().size() + right.view().size();
        if (total >= 2 * (min_entries(left.view().max()) + 1)) {
            const std::uint32_t goal = total / 2;
            if (left.view().size() < goal)
                left.take_front_of(right, goal - left.view().size());
            else
                left.give_back_to(right, left.view().size() - goal);
            parent.set_key(first + 1, right.view().key(0));
            return;
        }
        left.take_front_of(right, right.view().size());
        dropped = right_block.where();
    }
    parent.remove(first + 1);
    transaction_.dec(dropped); // what it pointed to moved to the left node
}

Btree::Change Btree::remove(MetaBlock root, std::uint64_t key, std::span<std::byte> old) {
    if (!contains(root, key))
        return {root, false};
    WriteRef block = shadow(root).block;
    const MetaBlock new_root = block.where();
    while (!NodeView(block.bytes()).is_leaf()) {
        NodeEditor node(block.bytes());
        if (node.view().size() == 1) {
            // Then look at the same node again: it may be a leaf now, and if it is not, its
            // children still need balancing. The kernel goes straight on and can leave an
            // under-filled node.
            collapse_single_child(node);
            node.normalise(block.where());
            continue;
        }
        rebalance(node, node.view().floor_index(key).value_or(0));
        if (node.view().size() == 1)
            continue;
        block = shadow_child(node, node.view().floor_index(key).value_or(0));
    }
    NodeEditor leaf(block.bytes());
    const auto at = leaf.view().floor_index(key);
    TS_ASSERT(at && leaf.view().key(*at) == key);
    if (!old.empty())
        std::ranges::copy(leaf.view().value(*at), old.begin());
    leaf.remove(*at);
    return {new_root, true};
}

bool Btree::contains(MetaBlock root, std::uint64_t key) const {
    std::array<std::byte, kMaxValueSize> value{};
    return reader_.find(root, key, std::span(value).first(reader_.value_size()));
}

MetaBlock Btree::make_path_private(MetaBlock root, std::uint64_t key) {
    WriteRef block = shadow(root).block;
    const MetaBlock new_root = block.where();
    while (!NodeView(block.bytes()).is_leaf()) {
        const NodeEditor node(block.bytes());
        const auto i = node.view().floor_index(key);
        if (!i)
            break;
        block = shadow_child(node, *i);
    }
    return new_root;
}

void Btree::release(MetaBlock root) {
    release_at(root, 0);
}

void Btree::release_at(MetaBlock where, int depth) {
    if (depth >= kMaxDepth)
        throw CorruptionError("btree node",
                              where.value(),
                              fmt::format("the tree is deeper than {} levels", kMaxDepth));
    if (transaction_.count(where) == 1) {
        const ReadRef block = reader_.node(where);
        const NodeView node(block.bytes());
        if (node.is_leaf()) {
            if (references_ != nullptr)
                references_->dec(node);
        } else {
            for (std::uint32_t i = 0; i < node.size(); ++i)
                release_at(node.child(i), depth + 1);
        }
    }
    transaction_.dec(where);
}

} // namespace thinsnap::pdata
