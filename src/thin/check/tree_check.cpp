#include "thin/check/tree_check.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pdata/bitmap.hpp"
#include "pdata/btree_reader.hpp"
#include "thin/check/node_check.hpp"
#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin::check {

using pdata::NodeView;

TreeCheck::TreeCheck(
    BlockReader& reader, MetBlocks& met, Findings& findings, LeafCheck& leaves, Use use)
    : reader_(reader)
    , met_(met)
    , findings_(findings)
    , leaves_(leaves)
    , use_(use) {}

std::uint32_t TreeCheck::value_size() const {
    switch (use_) {
    case Use::details:
        return sizeof(DeviceDetailsDisk);
    case Use::data_index:
        return pdata::IndexEntry::kSize;
    case Use::metadata_overflow:
    case Use::data_overflow:
        return sizeof(std::uint32_t);
    default:
        return sizeof(std::uint64_t);
    }
}

bool TreeCheck::can_be_read(MetaBlock block) const {
    return met_.contains(block) && block != MetaBlock(0);
}

bool TreeCheck::is_on_path(MetaBlock block) const {
    return std::ranges::find(path_, block) != path_.end();
}

void TreeCheck::walk(std::span<const MetaBlock> roots) {
    constexpr std::size_t at_once = 256;
    while (!roots.empty()) {
        const auto part = roots.first(std::min(at_once, roots.size()));
        std::vector<std::uint64_t> unmet;
        for (const MetaBlock root : part) {
            if (!met_.contains(root)) {
                met_.set_incomplete();
                continue;
            }
            met_.point_to(root);
            if (can_be_read(root) && met_.find(root) == nullptr)
                unmet.push_back(root.value());
        }
        const LoadedBlocks loaded = reader_.load(unmet);
        for (const MetaBlock root : part)
            if (can_be_read(root) && met_.find(root) == nullptr)
                visit(root, loaded.find(root), true);
        roots = roots.subspan(part.size());
    }
}

void TreeCheck::visit(MetaBlock where, std::optional<pdata::ConstBlockBytes> bytes, bool is_root) {
    Met& met = met_.add(where, use_);
    if (!bytes) {
        met.damaged = true;
        met_.set_incomplete();
        return;
    }
    const NodeFaults faults = find_node_faults(*bytes, where, value_size(), is_root);
    for (const auto& remark : faults.remarks)
        findings_.add(remark.severity, name_of(use_), where, remark.message);
    met.usable = faults.unusable.empty();
    if (!met.usable) {
        met.damaged = true;
        met_.set_incomplete();
        return;
    }
    met_.count_node();
    const NodeView node(*bytes);
    if (node.size() > 0) {
        met.first = node.key(0);
        met.last = node.key(node.size() - 1);
    }
    if (!node.is_leaf()) {
        path_.push_back(where);
        visit_children(node, met);
        path_.pop_back();
        return;
    }
    met.is_leaf = true;
    met.height = 1;
    met.entries = node.size();
    met.damaged = !leaves_.take(node);
}

std::vector<std::uint64_t> TreeCheck::unmet_children(NodeView node) const {
    std::vector<std::uint64_t> unmet;
    if (path_.size() >= static_cast<std::size_t>(pdata::kMaxDepth))
        return unmet;
    for (std::uint32_t i = 0; i < node.size(); ++i)
        if (can_be_read(node.child(i)) && met_.find(node.child(i)) == nullptr)
            unmet.push_back(node.child(i).value());
    return unmet;
}

TreeCheck::Slot TreeCheck::slot_of(NodeView node, std::uint32_t i) {
    Slot slot{.child = node.child(i), .begin = node.key(i)};
    if (i + 1 < node.size())
        slot.past = node.key(i + 1);
    return slot;
}

void TreeCheck::visit_children(NodeView node, Met& met) {
    const auto unmet = unmet_children(node);
    const LoadedBlocks loaded = reader_.load(unmet);
    for (std::uint32_t i = 0; i < node.size(); ++i) {
        Slot slot = slot_of(node, i);
        if (met_.contains(slot.child))
            met_.point_to(slot.child);
        if (std::ranges::find(unmet, slot.child.value()) != unmet.end() &&
            met_.find(slot.child) == nullptr)
            visit(slot.child, loaded.find(slot.child), false);
        slot.height = met.height == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(met.height - 1);
        const bool is_counted = can_be_read(slot.child) && met_.find(slot.child) != nullptr &&
                                met_.find(slot.child)->use == use_;
        if (!is_counted)
            met_.set_incomplete();
        if (find_slot_fault(slot)) {
            met.damaged = true;
            continue;
        }
        const Met& child = *met_.find(slot.child);
        met.damaged = met.damaged || child.damaged;
        if (child.height != 0)
            met.height = static_cast<std::uint8_t>(child.height + 1);
        met.last = std::max(met.last, child.last);
        met.entries += child.entries;
    }
}

std::optional<std::string> TreeCheck::find_slot_fault(const Slot& slot) const {
    if (!can_be_read(slot.child))
        return fmt::format("is said to be in block {}, which is none that can hold it",
                           slot.child.value());
    if (is_on_path(slot.child))
        return "is below itself";
    const Met* met = met_.find(slot.child);
    if (met == nullptr)
        return fmt::format("is deeper than {} levels", pdata::kMaxDepth);
    if (met->use != use_)
        return fmt::format("is also used as {}", name_of(met->use));
    if (!met->usable)
        return "cannot be used";
    if (slot.is_root)
        return std::nullopt;
    if (met->is_leaf && met->entries == 0)
        return "is empty and not a root";
    if (met->first < slot.begin)
        return fmt::format("begins with key {}, its parent says {}", met->first, slot.begin);
    if (slot.past && met->last >= *slot.past)
        return fmt::format("reaches to key {}, the next one begins with {}", met->last, *slot.past);
    if (slot.height != 0 && met->height != 0 && met->height != slot.height)
        return fmt::format("has {} levels, its neighbour has {}", met->height, slot.height);
    return std::nullopt;
}

bool TreeCheck::is_damaged(MetaBlock root) const {
    if (find_slot_fault({.child = root, .is_root = true}))
        return true;
    return met_.find(root)->damaged;
}

std::uint64_t TreeCheck::entries(MetaBlock root) const {
    return met_.contains(root) && met_.find(root) != nullptr ? met_.find(root)->entries : 0;
}

void TreeCheck::tell_faults(MetaBlock root, const TreeFaultSink& sink) {
    bool told = false;
    tell_slot({.child = root, .is_root = true}, [&](const TreeFault& fault) {
        told = true;
        sink(fault);
    });
    // A node that was too deep on one path and not on another leaves nothing to see afterwards.
    if (!told)
        sink({.block = root, .message = "has no order that can be made out"});
}

std::string TreeCheck::why_unusable(const Slot& slot) {
    const auto bytes = reader_.load({slot.child.value()});
    const auto block = bytes.find(slot.child);
    if (!block)
        return "cannot be read";
    return find_node_faults(*block, slot.child, value_size(), slot.is_root).unusable;
}

void TreeCheck::tell_slot(const Slot& slot, const TreeFaultSink& sink) {
    if (const auto fault = find_slot_fault(slot)) {
        const bool by_itself = met_.contains(slot.child) && met_.find(slot.child) != nullptr &&
                               !met_.find(slot.child)->usable && met_.find(slot.child)->use == use_;
        sink({.begin = slot.begin,
              .past = slot.past,
              .block = slot.child,
              .message = by_itself ? why_unusable(slot) : *fault});
        return;
    }
    if (met_.find(slot.child)->damaged)
        tell_node(slot, sink);
}

void TreeCheck::read_again(const Slot& slot, const std::function<void(NodeView)>& visit) {
    if (path_.size() >= static_cast<std::size_t>(pdata::kMaxDepth))
        return;
    const auto loaded = reader_.load({slot.child.value()});
    const auto bytes = loaded.find(slot.child);
    // Judged again: the device may not give the same bytes twice.
    if (bytes && find_node_faults(*bytes, slot.child, value_size(), true).unusable.empty())
        visit(NodeView(*bytes));
}

void TreeCheck::for_each_slot(const Slot& slot,
                              NodeView node,
                              const std::function<void(const Slot&)>& visit) {
    path_.push_back(slot.child);
    std::uint8_t height = 0;
    for (std::uint32_t i = 0; i < node.size(); ++i) {
        Slot below = slot_of(node, i);
        if (!below.past)
            below.past = slot.past;
        below.height = height;
        if (!find_slot_fault(below) && met_.find(below.child)->height != 0)
            height = met_.find(below.child)->height;
        visit(below);
    }
    path_.pop_back();
}

void TreeCheck::tell_node(const Slot& slot, const TreeFaultSink& sink) {
    read_again(slot, [&](NodeView node) {
        if (node.is_leaf())
            leaves_.tell(node, slot.child, sink);
        else
            for_each_slot(slot, node, [&](const Slot& below) { tell_slot(below, sink); });
    });
}

void TreeCheck::visit_leaves(const Slot& slot, const std::function<void(NodeView)>& visit) {
    if (find_slot_fault(slot))
        return;
    read_again(slot, [&](NodeView node) {
        if (node.is_leaf())
            visit(node);
        else
            for_each_slot(slot, node, [&](const Slot& below) { visit_leaves(below, visit); });
    });
}

void TreeCheck::for_each_leaf(MetaBlock root, const std::function<void(NodeView)>& visit) {
    visit_leaves({.child = root, .is_root = true}, visit);
}

} // namespace thinsnap::thin::check
