#include "pdata/node.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::pdata {

std::optional<std::uint32_t> NodeView::floor_index(std::uint64_t wanted) const {
    const std::uint32_t n = size();
    if (n == 0 || key(0) > wanted)
        return std::nullopt;
    // Leaves of a written device mostly hold consecutive keys: then the guess is the answer.
    const std::uint64_t guess = wanted - key(0);
    if (guess < n && key(static_cast<std::uint32_t>(guess)) == wanted)
        return static_cast<std::uint32_t>(guess);
    std::uint32_t low = 0; // key(low) <= wanted
    std::uint32_t high = n;
    while (high - low > 1) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (key(middle) <= wanted)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void NodeEditor::format(bool leaf, std::uint32_t value_size) {
    std::ranges::fill(block_, std::byte{0});
    store_le<std::uint32_t>(block_, 4, leaf ? 2U : 1U);
    store_le<std::uint32_t>(block_, 20, max_entries_for(value_size));
    store_le<std::uint32_t>(block_, 24, value_size);
}

std::span<std::byte> NodeEditor::keys(std::uint32_t from, std::uint32_t count) const {
    return block_.subspan(kNodeHeaderSize + std::size_t{8} * from, std::size_t{8} * count);
}

std::span<std::byte> NodeEditor::values(std::uint32_t from, std::uint32_t count) const {
    const std::size_t width = view().value_size();
    return block_.subspan(kNodeHeaderSize + std::size_t{8} * view().max() + width * from,
                          width * count);
}

void NodeEditor::set_size(std::uint32_t n) {
    TS_ASSERT(n <= view().max());
    store_le<std::uint32_t>(block_, 16, n);
}

void NodeEditor::set_key(std::uint32_t i, std::uint64_t key) {
    TS_ASSERT(i < view().max());
    store_le<std::uint64_t>(keys(i, 1), 0, key);
}

void NodeEditor::set_value(std::uint32_t i, std::span<const std::byte> value) {
    TS_ASSERT(i < view().max() && value.size() == view().value_size());
    std::memcpy(values(i, 1).data(), value.data(), value.size());
}

void NodeEditor::set_child(std::uint32_t i, MetaBlock child) {
    TS_ASSERT(i < view().max() && view().value_size() == 8);
    store_le<std::uint64_t>(values(i, 1), 0, child.value());
}

void NodeEditor::insert(std::uint32_t i, std::uint64_t key, std::span<const std::byte> value) {
    const std::uint32_t n = view().size();
    TS_ASSERT(i <= n && n < view().max());
    const auto later_keys = keys(i, n - i);
    std::memmove(later_keys.data() + 8, later_keys.data(), later_keys.size());
    const auto later_values = values(i, n - i);
    std::memmove(
        later_values.data() + view().value_size(), later_values.data(), later_values.size());
    set_key(i, key);
    set_value(i, value);
    set_size(n + 1);
}

void NodeEditor::insert_child(std::uint32_t i, std::uint64_t key, MetaBlock child) {
    std::array<std::byte, 8> value{};
    store_le<std::uint64_t>(value, 0, child.value());
    insert(i, key, value);
}

void NodeEditor::normalise(MetaBlock where) {
    const NodeView old = view();
    const std::uint32_t wanted = max_entries_for(old.value_size());
    if (old.max() == wanted)
        return;
    if (old.size() > wanted)
        throw CorruptionError(
            "btree node",
            where.value(),
            fmt::format("has {} entries, the format has room for {}", old.size(), wanted));
    const auto from = values(0, old.size());
    store_le<std::uint32_t>(block_, 20, wanted);
    const auto to = values(0, old.size());
    std::memmove(to.data(), from.data(), from.size());
}

void NodeEditor::remove(std::uint32_t i) {
    const std::uint32_t n = view().size();
    TS_ASSERT(i < n);
    const auto later_keys = keys(i, n - i);
    std::memmove(later_keys.data(), later_keys.data() + 8, later_keys.size() - 8);
    const auto later_values = values(i, n - i);
    const std::size_t width = view().value_size();
    std::memmove(later_values.data(), later_values.data() + width, later_values.size() - width);
    set_size(n - 1);
}

void NodeEditor::take_front_of(NodeEditor& right, std::uint32_t count) {
    const std::uint32_t mine = view().size();
    const std::uint32_t rest = right.view().size() - count;
    TS_ASSERT(count <= right.view().size() && mine + count <= view().max());
    std::memcpy(keys(mine, count).data(), right.keys(0, count).data(), std::size_t{8} * count);
    const auto moved = right.values(0, count);
    std::memcpy(values(mine, count).data(), moved.data(), moved.size());
    std::memmove(right.keys(0, rest).data(), right.keys(count, rest).data(), std::size_t{8} * rest);
    const auto kept = right.values(count, rest);
    std::memmove(right.values(0, rest).data(), kept.data(), kept.size());
    set_size(mine + count);
    right.set_size(rest);
}

void NodeEditor::give_back_to(NodeEditor& right, std::uint32_t count) {
    const std::uint32_t rest = view().size() - count;
    const std::uint32_t theirs = right.view().size();
    TS_ASSERT(count <= view().size() && theirs + count <= right.view().max());
    std::memmove(
        right.keys(count, theirs).data(), right.keys(0, theirs).data(), std::size_t{8} * theirs);
    const auto shifted = right.values(0, theirs);
    std::memmove(right.values(count, theirs).data(), shifted.data(), shifted.size());
    std::memcpy(right.keys(0, count).data(), keys(rest, count).data(), std::size_t{8} * count);
    const auto moved = values(rest, count);
    std::memcpy(right.values(0, count).data(), moved.data(), moved.size());
    right.set_size(theirs + count);
    set_size(rest);
}

} // namespace thinsnap::pdata
