#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pdata/node.hpp"
#include "thin/check/block_reader.hpp"
#include "thin/check/findings.hpp"
#include "thin/check/met_blocks.hpp"

namespace thinsnap::thin::check {

/// Part of a tree that is not as it should be.
struct TreeFault {
    std::uint64_t begin = 0; ///< first key concerned
    std::optional<std::uint64_t> past =
        std::nullopt; ///< behind the last one; nothing: to the end of the tree
    MetaBlock block;  ///< where it shows
    std::string message;
};
using TreeFaultSink = std::function<void(const TreeFault&)>;

/// What one kind of tree holds.
class LeafCheck {
public:
    LeafCheck() = default;
    LeafCheck(const LeafCheck&) = delete;
    LeafCheck& operator=(const LeafCheck&) = delete;
    virtual ~LeafCheck() = default;

    /// Takes note of a leaf's entries; called once for each leaf, however many parents it has.
    /// \return whether all values are as they should be
    [[nodiscard]] virtual bool take(pdata::NodeView leaf) = 0;
    /// Tells what is wrong with a leaf for which take() said so; `where` is its block.
    virtual void tell(pdata::NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const = 0;
};

/// Walks trees of one kind. A node that was met is not read again: what its other parents need is
/// in MetBlocks.
///
/// What concerns ranges of keys is told by tell_faults(), for each root by itself, since a shared
/// node's damage is every owner's. What a node has wrong without harm to its keys goes to the
/// findings once.
class TreeCheck {
public:
    /// All references must outlive it.
    TreeCheck(BlockReader& reader, MetBlocks& met, Findings& findings, LeafCheck& leaves, Use use);

    /// Follows one pointer to each root. Needs memory for the nodes on one path and their
    /// neighbours.
    void walk(std::span<const MetaBlock> roots);

    /// Why the tree of a root that was walked cannot be used at all, if so.
    [[nodiscard]] bool is_damaged(MetaBlock root) const;
    /// Entries that can be reached from a root that was walked.
    [[nodiscard]] std::uint64_t entries(MetaBlock root) const;
    /// The leaves of a tree that was walked, ascending, as far as they can be used. Reads again.
    void for_each_leaf(MetaBlock root, const std::function<void(pdata::NodeView)>& visit);
    /// Tells everything that is_damaged() stands for, in ascending order of keys.
    void tell_faults(MetaBlock root, const TreeFaultSink& sink);

private:
    /// The part of a tree that one pointer stands for.
    struct Slot {
        MetaBlock child;
        std::uint64_t begin = 0;
        std::optional<std::uint64_t> past = std::nullopt;
        std::uint8_t height = 0; ///< that the child should have, 0 if that is not known
        bool is_root = false;
    };

    [[nodiscard]] static Slot slot_of(pdata::NodeView node, std::uint32_t i);
    [[nodiscard]] bool can_be_read(MetaBlock block) const;
    [[nodiscard]] bool is_on_path(MetaBlock block) const;
    void visit(MetaBlock where, std::optional<pdata::ConstBlockBytes> bytes, bool is_root);
    void visit_children(pdata::NodeView node, Met& met);
    [[nodiscard]] std::vector<std::uint64_t> unmet_children(pdata::NodeView node) const;
    [[nodiscard]] std::optional<std::string> find_slot_fault(const Slot& slot) const;
    [[nodiscard]] std::string why_unusable(const Slot& slot);
    void tell_slot(const Slot& slot, const TreeFaultSink& sink);
    void tell_node(const Slot& slot, const TreeFaultSink& sink);
    void visit_leaves(const Slot& slot, const std::function<void(pdata::NodeView)>& visit);
    void read_again(const Slot& slot, const std::function<void(pdata::NodeView)>& visit);
    void for_each_slot(const Slot& slot,
                       pdata::NodeView node,
                       const std::function<void(const Slot&)>& visit);
    [[nodiscard]] std::uint32_t value_size() const;

    BlockReader& reader_;
    MetBlocks& met_;
    Findings& findings_;
    LeafCheck& leaves_;
    Use use_;
    std::vector<MetaBlock> path_; ///< nodes being walked, from the root down
};

} // namespace thinsnap::thin::check
