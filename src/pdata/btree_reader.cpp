#include "pdata/btree_reader.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::pdata {

namespace {

constexpr std::uint32_t kReadAhead = 64; // nodes

[[noreturn]] void too_deep(MetaBlock where) {
    throw CorruptionError(
        "btree node", where.value(), fmt::format("the tree is deeper than {} levels", kMaxDepth));
}

} // namespace

ReadRef BtreeReader::node(MetaBlock where) const {
    ReadRef block = cache_.read(where, BlockKind::node);
    const NodeView view(block.bytes());
    const std::uint32_t expected = view.is_leaf() ? value_size_ : 8;
    if (view.value_size() != expected)
        throw CorruptionError(
            "btree node",
            where.value(),
            fmt::format("values have {} bytes, expected {}", view.value_size(), expected));
    return block;
}

bool BtreeReader::find(MetaBlock root, std::uint64_t key, std::span<std::byte> value) const {
    MetaBlock where = root;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
        const ReadRef block = node(where);
        const NodeView view(block.bytes());
        const auto i = view.floor_index(key);
        if (!i)
            return false;
        if (view.is_leaf()) {
            if (view.key(*i) != key)
                return false;
            std::ranges::copy(view.value(*i), value.begin());
            return true;
        }
        where = view.child(*i);
    }
    too_deep(root);
}

std::optional<std::uint64_t> BtreeReader::find64(MetaBlock root, std::uint64_t key) const {
    std::array<std::byte, 8> value{};
    if (!find(root, key, value))
        return std::nullopt;
    return load_le<std::uint64_t>(value, 0);
}

void BtreeReader::read_ahead(NodeView node, std::uint32_t from) const {
    std::vector<MetaBlock> children;
    for (std::uint32_t i = from; i < node.size() && i < from + kReadAhead; ++i)
        children.push_back(node.child(i));
    cache_.read_ahead(children, BlockKind::node);
}

bool BtreeReader::visit_from(MetaBlock where, Walk& walk, int depth) const {
    if (depth >= kMaxDepth)
        too_deep(where);
    const ReadRef block = node(where);
    const NodeView view(block.bytes());
    std::uint32_t i = view.floor_index(walk.from).value_or(0);
    if (view.is_leaf()) {
        if (view.size() == 0 && depth > 0)
            throw CorruptionError("btree node", where.value(), "is an empty leaf below a root");
        if (i < view.size() && view.key(i) < walk.from)
            ++i;
        for (; i < view.size(); ++i) {
            // Also what ends a walk through nodes that are reached again and again.
            if (view.key(i) < walk.next)
                throw CorruptionError(
                    "btree node",
                    where.value(),
                    fmt::format("key {} comes after {}", view.key(i), walk.next - 1));
            walk.next = view.key(i) + 1;
            if (!walk.visit(view.key(i), view.value(i)))
                return false;
        }
        return true;
    }
    for (std::uint32_t ahead = i; i < view.size(); ++i) {
        if (walk.reads_ahead && i == ahead) {
            read_ahead(view, i);
            ahead += kReadAhead;
        }
        if (!visit_from(view.child(i), walk, depth + 1))
            return false;
    }
    return true;
}

void BtreeReader::for_each(MetaBlock root, std::uint64_t from, const Visit& visit) const {
    Walk walk{.from = from, .next = from, .visit = visit, .reads_ahead = true};
    static_cast<void>(visit_from(root, walk, 0));
}

std::optional<Entry> BtreeReader::find_next(MetaBlock root, std::uint64_t key) const {
    std::optional<Entry> found;
    const Visit take = [&](std::uint64_t at, std::span<const std::byte> value) {
        found = Entry{at, {value.begin(), value.end()}};
        return false;
    };
    Walk walk{.from = key, .next = key, .visit = take};
    static_cast<void>(visit_from(root, walk, 0));
    return found;
}

} // namespace thinsnap::pdata
