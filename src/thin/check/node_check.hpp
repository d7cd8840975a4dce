#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pdata/node.hpp"
#include "thin/check.hpp"

namespace thinsnap::thin::check {

/// What is wrong with a node by itself.
struct NodeFaults {
    /// Why nothing in it can be believed; empty where it can.
    std::string unusable;
    struct Remark {
        Severity severity = Severity::warning;
        std::string message;
    };
    std::vector<Remark> remarks; ///< what is wrong with a usable node
};

/// Judges a node by itself. A NodeView of the block may be used if the result says that it is
/// usable: sizes fit, keys ascend.
/// \param value_size  of the tree's leaves, bytes
[[nodiscard]] NodeFaults find_node_faults(pdata::ConstBlockBytes block,
                                          MetaBlock where,
                                          std::uint32_t value_size,
                                          bool is_root);

} // namespace thinsnap::thin::check
