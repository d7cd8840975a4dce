#pragma once

#include <cstdint>
#include <vector>

#include "pdata/btree_reader.hpp"

namespace thinsnap::thin {

/// A place in a tree of 8-byte values, from where the rest of the tree can be taken subtree by
/// subtree: what a walk does that may skip a subtree before it has read it.
///
/// Keys and depth are verified as nodes are opened, so that damaged metadata ends a walk by an
/// error: no node is met twice in one walk.
class TreeCursor {
public:
    /// What stands next: an entry (height 0), or a subtree that was not read yet (a leaf has height
    /// 1).
    struct Head {
        std::uint64_t key = 0; ///< of the entry; of a subtree: no key in it is smaller
        int height = 0;
        std::uint64_t value = 0; ///< of the entry; of a subtree: its root block
        [[nodiscard]] bool is_entry() const { return height == 0; }
        [[nodiscard]] MetaBlock block() const { return MetaBlock(value); }
    };

    /// Stands before the whole tree.
    /// Cost: one node a level, to learn the height.
    /// \throws CorruptionError  here and in open()
    TreeCursor(const pdata::BtreeReader& reader, MetaBlock root);

    [[nodiscard]] bool at_end() const { return !before_root_ && path_.empty(); }
    [[nodiscard]] Head head() const;

    /// Steps over the head, unread.
    void skip();
    /// Steps into the subtree at the head.
    void open();

private:
    struct Level {
        pdata::ReadRef node;
        std::uint32_t index = 0;
        int height = 0;         ///< of the node
        std::uint64_t past = 0; ///< all keys are smaller,
        bool has_past = false;  ///< if this is set
    };

    void check(const Level& level, std::uint64_t from, bool is_root) const;

    const pdata::BtreeReader& reader_;
    MetaBlock root_;
    int height_ = 0;
    bool before_root_ = true;
    std::vector<Level> path_;
};

} // namespace thinsnap::thin
