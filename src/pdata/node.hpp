#pragma once

#include <cstdint>
#include <optional>

#include "base/endian.hpp"
#include "pdata/block.hpp"

/// \file
/// A btree node: 32 bytes of header, max_entries keys, max_entries values.
///
///     0 csum u32 | 4 flags u32 (1 internal, 2 leaf) | 8 blocknr u64 | 16 nr_entries u32
///     20 max_entries u32 | 24 value_size u32 | 28 padding | 32 keys u64[max] | values[max]
///
/// Source: Linux drivers/md/persistent-data/dm-btree-internal.h, struct node_header.

namespace thinsnap::pdata {

inline constexpr std::size_t kNodeHeaderSize = 32;

/// Entries that a node of such values holds, rounded down to a multiple of 3 as the kernel does, so
/// that three nodes can be balanced against each other: 252 for 8 bytes, 126 for 24, 336 for 4.
[[nodiscard]] constexpr std::uint32_t max_entries_for(std::uint32_t value_size) {
    return static_cast<std::uint32_t>((kBlockSize - kNodeHeaderSize) / (8 + value_size)) / 3 * 3;
}

/// Every node but the root keeps at least this many.
[[nodiscard]] constexpr std::uint32_t min_entries(std::uint32_t max_entries) {
    return max_entries / 3;
}

/// Reads a node that has passed validate(). Costs nothing to copy; the block must outlive it.
class NodeView {
public:
    explicit NodeView(ConstBlockBytes block)
        : block_(block) {}

    [[nodiscard]] std::uint32_t flags() const { return load_le<std::uint32_t>(block_, 4); }
    [[nodiscard]] bool is_leaf() const { return (flags() & 2U) != 0; }
    [[nodiscard]] std::uint32_t size() const { return load_le<std::uint32_t>(block_, 16); }
    [[nodiscard]] std::uint32_t max() const { return load_le<std::uint32_t>(block_, 20); }
    [[nodiscard]] std::uint32_t value_size() const { return load_le<std::uint32_t>(block_, 24); }

    [[nodiscard]] std::uint64_t key(std::uint32_t i) const {
        return load_le<std::uint64_t>(block_, kNodeHeaderSize + std::size_t{8} * i);
    }
    [[nodiscard]] std::span<const std::byte> value(std::uint32_t i) const {
        const std::size_t width = value_size();
        return block_.subspan(kNodeHeaderSize + std::size_t{8} * max() + width * i, width);
    }
    /// The value of an 8-byte tree, or an internal node's child.
    [[nodiscard]] std::uint64_t value64(std::uint32_t i) const {
        return load_le<std::uint64_t>(
            block_, kNodeHeaderSize + std::size_t{8} * max() + std::size_t{8} * i);
    }
    [[nodiscard]] MetaBlock child(std::uint32_t i) const { return MetaBlock(value64(i)); }

    /// Index of the last key <= `wanted`; nothing when all are larger (or there are none).
    /// Cost: one probe where keys are consecutive, log2(size) otherwise.
    [[nodiscard]] std::optional<std::uint32_t> floor_index(std::uint64_t wanted) const;

private:
    ConstBlockBytes block_;
};

/// Changes a node. The caller keeps keys ascending and sizes within limits (asserted).
class NodeEditor {
public:
    explicit NodeEditor(BlockBytes block)
        : block_(block) {}

    [[nodiscard]] NodeView view() const { return NodeView(block_); }
    [[nodiscard]] BlockBytes block() const { return block_; }

    /// Makes the block an empty node: everything zero but flags and limits.
    void format(bool leaf, std::uint32_t value_size);

    void set_key(std::uint32_t i, std::uint64_t key);
    void set_value(std::uint32_t i, std::span<const std::byte> value);
    void set_child(std::uint32_t i, MetaBlock child);

    /// Makes room at `i` and puts the entry there.
    void insert(std::uint32_t i, std::uint64_t key, std::span<const std::byte> value);
    void insert_child(std::uint32_t i, std::uint64_t key, MetaBlock child);
    void remove(std::uint32_t i);

    /// Gives the node the limits that max_entries_for() says; other tools may have written others.
    /// \throws CorruptionError  it has more entries than that. \param where  for the error
    void normalise(MetaBlock where);

    /// Moves the first `count` entries of `right` behind the own ones.
    void take_front_of(NodeEditor& right, std::uint32_t count);
    /// Moves the own last `count` entries before those of `right`.
    void give_back_to(NodeEditor& right, std::uint32_t count);

private:
    void set_size(std::uint32_t n);
    [[nodiscard]] std::span<std::byte> keys(std::uint32_t from, std::uint32_t count) const;
    [[nodiscard]] std::span<std::byte> values(std::uint32_t from, std::uint32_t count) const;

    BlockBytes block_;
};

} // namespace thinsnap::pdata
