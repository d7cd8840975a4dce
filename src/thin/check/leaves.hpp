#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "pdata/bitmap.hpp"
#include "thin/check/chunk_counts.hpp"
#include "thin/check/tree_check.hpp"

namespace thinsnap::thin::check {

/// Leaves of a device mapping tree.
class MappingLeaves final : public LeafCheck {
public:
    struct Limits {
        std::uint64_t nr_chunks = 0; ///< of the data space map
        std::uint64_t nr_there = 0;  ///< chunks that the data device has
        std::uint32_t time = 0;      ///< the pool's
    };

    MappingLeaves(ChunkCounts& counts, const Limits& limits)
        : counts_(counts)
        , limits_(limits) {}

    bool take(pdata::NodeView leaf) override;
    void tell(pdata::NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const override;

private:
    enum class Fault : std::uint8_t { none, behind_map, behind_device, future };

    [[nodiscard]] Fault fault_of(std::uint64_t value) const;
    [[nodiscard]] std::string message(Fault fault, std::uint64_t value) const;

    ChunkCounts& counts_;
    Limits limits_;
};

/// Leaves of the tree that names each device's mapping tree.
class DeviceRootLeaves final : public LeafCheck {
public:
    bool take(pdata::NodeView leaf) override;
    void tell(pdata::NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const override;

    std::vector<MetaBlock> roots; ///< one for each pointer in the leaves taken
};

/// Leaves of the device details tree.
class DetailsLeaves final : public LeafCheck {
public:
    bool take(pdata::NodeView leaf) override;
    void tell(pdata::NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const override;
};

/// Leaves of the tree of the data map's bitmaps.
class IndexLeaves final : public LeafCheck {
public:
    bool take(pdata::NodeView leaf) override;
    void tell(pdata::NodeView, MetaBlock, const TreeFaultSink&) const override {}

    std::vector<std::pair<std::uint64_t, pdata::IndexEntry>> entries;
};

/// Leaves of an overflow tree.
class OverflowLeaves final : public LeafCheck {
public:
    bool take(pdata::NodeView leaf) override;
    void tell(pdata::NodeView, MetaBlock, const TreeFaultSink&) const override {}

    std::vector<std::pair<std::uint64_t, std::uint32_t>> counts;
};

} // namespace thinsnap::thin::check
