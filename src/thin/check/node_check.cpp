#include "thin/check/node_check.hpp"

#include <fmt/format.h>

#include "thin/check/block_reader.hpp"

namespace thinsnap::thin::check {

namespace {

using pdata::NodeView;

std::string find_header_faults(NodeView node, std::uint32_t leaf_value_size) {
    const std::uint32_t flags = node.flags() & 3U;
    if (flags == 0 || flags == 3)
        return fmt::format("is marked as {} an internal node {} a leaf (flags {:#x})",
                           flags == 3 ? "both" : "neither",
                           flags == 3 ? "and" : "nor",
                           node.flags());
    const std::uint32_t value_size = node.is_leaf() ? leaf_value_size : 8;
    if (node.value_size() != value_size)
        return fmt::format("values have {} bytes, expected {}", node.value_size(), value_size);
    const std::uint64_t width = std::uint64_t{8} + value_size;
    if (pdata::kNodeHeaderSize + node.max() * width > pdata::kBlockSize)
        return fmt::format("{} entries of {} bytes do not fit in a block", node.max(), width);
    if (node.size() > node.max())
        return fmt::format("has {} entries and room for {}", node.size(), node.max());
    if (!node.is_leaf() && node.size() == 0)
        return "is an internal node without children";
    return {};
}

std::string find_key_faults(NodeView node) {
    for (std::uint32_t i = 1; i < node.size(); ++i)
        if (node.key(i - 1) >= node.key(i))
            return fmt::format("keys do not ascend: entry {} has key {}, entry {} has key {}",
                               i - 1,
                               node.key(i - 1),
                               i,
                               node.key(i));
    return {};
}

void remark_limits(NodeView node, bool is_root, std::vector<NodeFaults::Remark>& remarks) {
    const std::uint32_t canonical = pdata::max_entries_for(node.value_size());
    if (node.max() != canonical)
        remarks.push_back({node.max() % 3 == 0 ? Severity::warning : Severity::damage,
                           fmt::format("has room for {} entries, expected {}: the kernel cannot "
                                       "balance it with its neighbours",
                                       node.max(),
                                       canonical)});
    const std::uint32_t least = pdata::min_entries(node.max());
    // Linux itself can leave a node one short when it removes a key after a root has collapsed.
    if (!is_root && node.size() < least)
        remarks.push_back({Severity::warning,
                           fmt::format("has {} entries, a node that is not a root has at least {}",
                                       node.size(),
                                       least)});
}

} // namespace

NodeFaults find_node_faults(pdata::ConstBlockBytes block,
                            MetaBlock where,
                            std::uint32_t value_size,
                            bool is_root) {
    NodeFaults faults;
    if (auto fault = find_header_fault(pdata::BlockKind::node, where, block)) {
        faults.unusable = std::move(*fault);
        return faults;
    }
    const NodeView node(block);
    faults.unusable = find_header_faults(node, value_size);
    if (faults.unusable.empty())
        faults.unusable = find_key_faults(node);
    if (faults.unusable.empty())
        remark_limits(node, is_root, faults.remarks);
    return faults;
}

} // namespace thinsnap::thin::check
