#pragma once

#include "pdata/btree.hpp"
#include "pdata/data_space_map.hpp"
#include "thin/mapping.hpp"

/// \file
/// What the leaves of the two mapping levels point to: data chunks, and the devices' own trees.

namespace thinsnap::thin {

/// Leaves of a device's mapping tree point to data chunks.
class DataReferences final : public pdata::ValueReferences {
public:
    explicit DataReferences(pdata::DataSpaceMap& map)
        : map_(map) {}

    void inc(pdata::NodeView leaf) override {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            map_.inc(unpack_mapping(leaf.value64(i)).chunk);
    }
    void dec(pdata::NodeView leaf) override {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            map_.dec(unpack_mapping(leaf.value64(i)).chunk);
    }

private:
    pdata::DataSpaceMap& map_;
};

/// Leaves of the top-level tree point to the roots of mapping trees.
class DeviceRootReferences final : public pdata::ValueReferences {
public:
    DeviceRootReferences(pdata::Transaction& transaction, pdata::Btree& mapping_tree)
        : transaction_(transaction)
        , mapping_tree_(mapping_tree) {}

    void inc(pdata::NodeView leaf) override {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            transaction_.inc(leaf.child(i));
    }
    void dec(pdata::NodeView leaf) override {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            mapping_tree_.release(leaf.child(i));
    }

private:
    pdata::Transaction& transaction_;
    pdata::Btree& mapping_tree_;
};

} // namespace thinsnap::thin
