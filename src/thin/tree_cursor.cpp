#include "thin/tree_cursor.hpp"

#include <utility>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::thin {

namespace {

[[noreturn]] void corrupt(MetaBlock where, const char* detail) {
    throw CorruptionError("btree node", where.value(), detail);
}

int height_of(const pdata::BtreeReader& reader, MetaBlock root) {
    MetaBlock where = root;
    for (int height = 1; height <= pdata::kMaxDepth; ++height) {
        const auto ref = reader.node(where);
        const pdata::NodeView node(ref.bytes());
        if (node.is_leaf())
            return height;
        if (node.size() == 0)
            corrupt(where, "an internal node without children");
        where = node.child(0);
    }
    corrupt(root, "the tree below it is too deep");
}

} // namespace

TreeCursor::TreeCursor(const pdata::BtreeReader& reader, MetaBlock root)
    : reader_(reader)
    , root_(root)
    , height_(height_of(reader, root)) {}

TreeCursor::Head TreeCursor::head() const {
    TS_ASSERT(!at_end());
    if (before_root_)
        return {.key = 0, .height = height_, .value = root_.value()};
    const Level& level = path_.back();
    const pdata::NodeView node(level.node.bytes());
    return {.key = node.key(level.index),
            .height = level.height - 1,
            .value = node.value64(level.index)};
}

void TreeCursor::skip() {
    TS_ASSERT(!at_end());
    if (std::exchange(before_root_, false))
        return;
    while (!path_.empty()) {
        Level& level = path_.back();
        if (++level.index < pdata::NodeView(level.node.bytes()).size())
            return;
        path_.pop_back();
    }
}

void TreeCursor::open() {
    const Head subtree = head();
    TS_ASSERT(!subtree.is_entry());
    Level below{.node = reader_.node(subtree.block()), .height = subtree.height};
    if (!before_root_) {
        const Level& above = path_.back();
        const pdata::NodeView node(above.node.bytes());
        const bool is_last = above.index + 1 == node.size();
        below.past = is_last ? above.past : node.key(above.index + 1);
        below.has_past = !is_last || above.has_past;
    }
    check(below, subtree.key, before_root_);
    before_root_ = false;
    if (pdata::NodeView(below.node.bytes()).size() > 0)
        path_.push_back(std::move(below));
}

void TreeCursor::check(const Level& level, std::uint64_t from, bool is_root) const {
    const pdata::NodeView node(level.node.bytes());
    const MetaBlock where = level.node.where();
    if (node.is_leaf() != (level.height == 1))
        corrupt(where, "the tree's leaves are not all at one depth");
    if (node.size() == 0) {
        if (!is_root)
            corrupt(where, "an empty node that is not the root");
        return;
    }
    if (node.key(0) < from)
        corrupt(where, "its first key is below its parent's");
    if (level.has_past && node.key(node.size() - 1) >= level.past)
        corrupt(where, "its keys reach into the next node");
}

} // namespace thinsnap::thin
