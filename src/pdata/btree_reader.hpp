#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "pdata/block_cache.hpp"
#include "pdata/node.hpp"

namespace thinsnap::pdata {

/// A btree's value as bytes; at most 24 of them in this format.
struct Entry {
    std::uint64_t key = 0;
    std::vector<std::byte> value;
};

/// Reads btrees of one value size. Knows no transaction: works on committed trees of a view as well
/// as on the current ones.
///
/// Threads: any number, while nobody changes the tree.
class BtreeReader {
public:
    BtreeReader(BlockCache& cache, std::uint32_t value_size)
        : cache_(cache)
        , value_size_(value_size) {}

    /// Copies the value of `key` into `value` (value_size bytes). \return false where there is none
    /// \throws CorruptionError  a node on the way is not what it should be
    /// Cost: one cache access a level.
    [[nodiscard]] bool find(MetaBlock root, std::uint64_t key, std::span<std::byte> value) const;

    /// find() for 8-byte values.
    [[nodiscard]] std::optional<std::uint64_t> find64(MetaBlock root, std::uint64_t key) const;

    /// Smallest entry with a key >= `key`.
    [[nodiscard]] std::optional<Entry> find_next(MetaBlock root, std::uint64_t key) const;

    /// Entries with a key >= `from`, ascending. `visit(key, value)` returns false to stop.
    /// Cost: reads ahead, 64 nodes at a time.
    using Visit = std::function<bool(std::uint64_t, std::span<const std::byte>)>;
    void for_each(MetaBlock root, std::uint64_t from, const Visit& visit) const;

    /// A node of this tree: valid, and its values of the size that its level asks for.
    /// \throws CorruptionError
    [[nodiscard]] ReadRef node(MetaBlock where) const;

    [[nodiscard]] std::uint32_t value_size() const noexcept { return value_size_; }
    [[nodiscard]] BlockCache& cache() const noexcept { return cache_; }

private:
    /// How a walk goes on.
    struct Walk {
        std::uint64_t from = 0;
        std::uint64_t next = 0; ///< the smallest key that may come now
        const Visit& visit;
        bool reads_ahead = false;
    };
    [[nodiscard]] bool visit_from(MetaBlock where, Walk& walk, int depth) const;
    void read_ahead(NodeView node, std::uint32_t from) const;

    BlockCache& cache_;
    std::uint32_t value_size_;
};

/// No tree of this format is deeper: a cycle in damaged metadata ends here.
inline constexpr int kMaxDepth = 16;

} // namespace thinsnap::pdata
