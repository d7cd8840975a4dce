#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "thin/check/leaves.hpp"
#include "thin/check/tree_check.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin::check {

/// The trees of devices, kept from the pool's superblock to the held one: nodes may be in both.
struct DeviceTrees {
    DeviceTrees(BlockReader& reader,
                MetBlocks& met,
                Findings& findings,
                ChunkCounts& chunks,
                const MappingLeaves::Limits& limits)
        : mapping_leaves(chunks, limits)
        , top_level(reader, met, findings, root_leaves, Use::top_level)
        , details(reader, met, findings, details_leaves, Use::details)
        , mapping(reader, met, findings, mapping_leaves, Use::mapping) {}

    DeviceRootLeaves root_leaves;
    DetailsLeaves details_leaves;
    MappingLeaves mapping_leaves;
    TreeCheck top_level;
    TreeCheck details;
    TreeCheck mapping;
};

/// Checks the devices of one superblock: both device trees, and each device's mappings.
class DeviceCheck {
public:
    struct Options {
        bool skip_mappings = false;
        std::string prefix; ///< before the structure's name in findings
    };

    DeviceCheck(DeviceTrees& trees,
                Findings& findings,
                const Superblock& superblock,
                Options options)
        : trees_(trees)
        , findings_(findings)
        , superblock_(superblock)
        , options_(std::move(options)) {}

    void run();

    [[nodiscard]] std::uint64_t nr_devices() const { return roots_.size(); }
    [[nodiscard]] std::uint64_t nr_mappings() const { return nr_mappings_; }

private:
    struct Root {
        std::uint64_t id = 0;
        MetaBlock block;
    };
    struct Details {
        std::uint64_t id = 0;
        DeviceInfo info;
    };

    void walk();
    void collect();
    std::vector<TreeFault> tell_tree(TreeCheck& tree, MetaBlock root, Use use);
    void check_pairs();
    void check_device(std::uint64_t id, const Root* root, const Details* details);
    void check_times(const DeviceInfo& info);
    void tell_mapping_faults(const Root& root);
    void add(Use use, std::uint64_t id, std::optional<MetaBlock> block, std::string message);
    void add_range(const Root& root, const TreeFault& fault, std::uint64_t nr);

    DeviceTrees& trees_;
    Findings& findings_;
    const Superblock& superblock_;
    Options options_;
    std::vector<Root> roots_;
    std::vector<Details> details_;
    std::vector<TreeFault> lost_roots_; ///< keys are device ids
    std::vector<TreeFault> lost_details_;
    std::uint64_t nr_mappings_ = 0;
};

} // namespace thinsnap::thin::check
