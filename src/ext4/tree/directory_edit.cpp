#include "ext4/tree/directory_edit.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "ext4/directory.hpp"
#include "ext4/tree/directory_index.hpp"
#include "ext4/tree/dirent.hpp"

namespace thinsnap::ext4::tree {

namespace {

struct Leaf {
    IndexChild child;
    std::size_t node = 0;            ///< the index block that it hangs from
    std::vector<std::byte> content;  ///< empty: not read yet
    std::vector<NamedInode> entries; ///< names in `content` and in the changes
    bool changed = false;
};

/// An index block above leaves: the root, or a node.
struct Node {
    std::uint32_t block = 0;
    std::vector<IndexChild> children; ///< as they are to be
    bool changed = false;
};

class DirectoryEdit {
public:
    DirectoryEdit(const DirectorySource& source, const NameHasher& hasher)
        : source_(source)
        , hasher_(hasher)
        , nr_blocks_(source.nr_blocks) {}

    /// \return whether it is an index that can be changed here
    [[nodiscard]] bool read_index();
    /// \return whether the index led to the name, or to its absence, as it should
    [[nodiscard]] bool apply(const NameChange& change);
    [[nodiscard]] std::optional<DirectoryBlocks> pack();

private:
    using Leaves = std::vector<Leaf>;

    [[nodiscard]] std::vector<std::byte> read(std::uint32_t block) const;
    /// Puts the leaves below an index block behind the others.
    void add_node(std::uint32_t block, std::span<const IndexChild> children);
    /// Whether each block is a root, a node or a leaf, once, and the hashes ascend.
    [[nodiscard]] bool is_whole() const;
    void load(Leaf& leaf) const;
    void pack_leaf(Leaf& leaf, DirectoryBlocks& blocks);
    void split_leaf(Leaf& leaf, DirectoryBlocks& blocks);
    void pack_node(const Node& node, DirectoryBlocks& blocks) const;

    const DirectorySource& source_;
    const NameHasher& hasher_;
    std::uint32_t nr_blocks_; ///< with the new ones
    bool two_levels_ = false;
    std::vector<Node> nodes_;
    Leaves leaves_; ///< in the order of their hashes
};

std::vector<std::byte> DirectoryEdit::read(std::uint32_t block) const {
    std::vector<std::byte> content(kBlockBytes);
    source_.read(block, content);
    return content;
}

void DirectoryEdit::add_node(std::uint32_t block, std::span<const IndexChild> children) {
    for (const IndexChild& child : children)
        leaves_.push_back({child, nodes_.size(), {}, {}, false});
    nodes_.push_back({block, {}, false});
}

bool DirectoryEdit::read_index() {
    const auto root = unpack_index_root(read(0), source_.identity.checksum_seed, hasher_.version);
    if (!root)
        return false;
    two_levels_ = root->two_levels;
    if (!two_levels_) {
        add_node(0, root->children);
        return is_whole();
    }
    for (const IndexChild& child : root->children) {
        if (child.block >= nr_blocks_)
            return false;
        const auto children =
            unpack_index_node(read(child.block), source_.identity.checksum_seed, child.hash);
        if (!children)
            return false;
        add_node(child.block, *children);
    }
    return is_whole();
}

bool DirectoryEdit::is_whole() const {
    std::set<std::uint32_t> blocks = {0};
    for (const Node& node : nodes_)
        blocks.insert(node.block);
    for (const Leaf& leaf : leaves_)
        blocks.insert(leaf.child.block);
    const std::size_t count = 1 + (two_levels_ ? nodes_.size() : 0) + leaves_.size();
    return count == nr_blocks_ && blocks.size() == count && *blocks.rbegin() < nr_blocks_ &&
           std::ranges::is_sorted(leaves_, {}, [](const Leaf& leaf) { return leaf.child.hash; });
}

void DirectoryEdit::load(Leaf& leaf) const {
    if (!leaf.content.empty())
        return;
    leaf.content = read(leaf.child.block);
    const DirectoryBlock block{.inode = source_.identity.self,
                               .seed = source_.identity.checksum_seed,
                               .index = leaf.child.block,
                               .physical = 0,
                               .indexed = false,
                               .nr_inodes = source_.nr_inodes};
    for_each_raw_entry(leaf.content, block, [&](const RawEntry& entry) {
        leaf.entries.push_back({entry.name, InodeNumber(entry.inode), entry.type});
        return true;
    });
}

bool DirectoryEdit::apply(const NameChange& change) {
    const std::uint32_t hash = hasher_(change.name).major;
    const auto after = std::ranges::upper_bound(
        leaves_, hash, {}, [](const Leaf& leaf) { return leaf.child.hash; });
    const auto first = after - 1; // the first leaf's hash is 0
    for (auto leaf = first;; ++leaf) {
        load(*leaf);
        const auto entry = std::ranges::find(leaf->entries, change.name, &NamedInode::name);
        if (entry != leaf->entries.end()) {
            if (change.now)
                *entry = {entry->name, change.now->inode, change.now->type};
            else
                leaf->entries.erase(entry);
            leaf->changed = true;
            return change.was_there;
        }
        const auto next = leaf + 1;
        if (next == leaves_.end() || next->child.hash != (hash | 1U))
            break;
    }
    if (change.now) {
        first->entries.push_back({change.name, change.now->inode, change.now->type});
        first->changed = true;
    }
    return !change.was_there;
}

void DirectoryEdit::split_leaf(Leaf& leaf, DirectoryBlocks& blocks) {
    std::size_t bytes = 0;
    for (const NamedInode& entry : leaf.entries)
        bytes += dirent_size(entry.name.size());
    const std::size_t half = bytes / 2 + dirent_size(kMaxName);
    const PackedLeaves packed = pack_leaves(
        source_.identity.checksum_seed, leaf.entries, hasher_, std::min(half, kLeafFill));
    Node& node = nodes_[leaf.node];
    for (std::size_t i = 0; i < packed.children.size(); ++i) {
        const std::uint32_t number = i == 0 ? leaf.child.block : nr_blocks_++;
        if (i > 0) {
            node.children.push_back({packed.children[i].hash, number});
            node.changed = true;
        }
        const auto content = std::span(packed.blocks).subspan(i * kBlockBytes, kBlockBytes);
        blocks[number].assign(content.begin(), content.end());
    }
}

void DirectoryEdit::pack_leaf(Leaf& leaf, DirectoryBlocks& blocks) {
    nodes_[leaf.node].children.push_back(leaf.child);
    if (!leaf.changed)
        return;
    std::vector<std::byte> content(kBlockBytes);
    DirentBlock block(content);
    for (const NamedInode& entry : leaf.entries) {
        if (block.used() + dirent_size(entry.name.size()) > kDirentSpace)
            return split_leaf(leaf, blocks);
        block.append(entry.name, entry.inode, entry.type);
    }
    block.finish(source_.identity.checksum_seed);
    blocks[leaf.child.block] = std::move(content);
}

void DirectoryEdit::pack_node(const Node& node, DirectoryBlocks& blocks) const {
    std::vector<std::byte> content(kBlockBytes);
    if (two_levels_)
        pack_index_node(content, source_.identity.checksum_seed, node.children);
    else
        pack_index_root(content, source_.identity, hasher_.version, node.children, false);
    blocks[node.block] = std::move(content);
}

std::optional<DirectoryBlocks> DirectoryEdit::pack() {
    DirectoryBlocks blocks;
    for (Leaf& leaf : leaves_)
        pack_leaf(leaf, blocks);
    for (const Node& node : nodes_) {
        if (node.children.size() > (two_levels_ ? kNodeLimit : kRootLimit))
            return std::nullopt;
        if (node.changed)
            pack_node(node, blocks);
    }
    return blocks;
}

} // namespace

std::optional<DirectoryBlocks> edit_directory(const DirectorySource& source,
                                              std::span<const NameChange> changes,
                                              const NameHasher& hasher) {
    DirectoryEdit edit(source, hasher);
    if (!edit.read_index())
        return std::nullopt;
    for (const NameChange& change : changes)
        if (!edit.apply(change))
            return std::nullopt;
    return edit.pack();
}

} // namespace thinsnap::ext4::tree
