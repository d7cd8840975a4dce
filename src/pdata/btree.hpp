#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "pdata/btree_reader.hpp"
#include "pdata/transaction.hpp"

namespace thinsnap::pdata {

/// The largest value of any tree of the format: an index entry has 16 bytes, device details 24.
inline constexpr std::uint32_t kMaxValueSize = 24;

/// What a tree's leaf values point to. A leaf that is copied while the original lives on points to
/// everything a second time; a leaf that is freed no longer points to it.
class ValueReferences {
public:
    ValueReferences() = default;
    ValueReferences(const ValueReferences&) = delete;
    ValueReferences& operator=(const ValueReferences&) = delete;
    virtual ~ValueReferences() = default;

    /// The leaf's values each get one reference more / lose one.
    virtual void inc(NodeView leaf) = 0;
    virtual void dec(NodeView leaf) = 0;
};

/// Copy-on-write btrees of one value size, in the kernel's format: changes return the new root, and
/// the old one goes on standing for the old content wherever somebody else points to it.
///
/// Values are bytes. insert() and remove() neither count nor release the values they are given or
/// give back: that is the caller's, who knows whether a reference moved or ended. Node fill is kept
/// at a third and more, as checkers ask; a kernel-made node that has one entry less is tolerated.
///
/// Errors: CorruptionError, SystemError, Error(no_space) from any call. After a failed change the
/// transaction must be dropped: the tree may be half changed in memory.
/// Threads: the transaction's owner only.
/// Source: Linux drivers/md/persistent-data/dm-btree.c, dm-btree-remove.c (described, not copied).
class Btree {
public:
    /// \param references  may be null: values point to nothing. Must outlive the tree.
    Btree(Transaction& transaction,
          std::uint32_t value_size,
          ValueReferences* references = nullptr);

    /// An empty tree; its root has count 1.
    [[nodiscard]] MetaBlock create_empty();

    [[nodiscard]] const BtreeReader& reader() const noexcept { return reader_; }

    /// Sets `key` to `value`; the old value, if there was one, goes to `old` (value_size bytes).
    struct Change {
        MetaBlock root;
        bool found = false; ///< the key was there before
    };
    [[nodiscard]] Change insert(MetaBlock root,
                                std::uint64_t key,
                                std::span<const std::byte> value,
                                std::span<std::byte> old = {});

    /// Takes `key` out; its value goes to `old`. Nothing changes where there is no such key.
    [[nodiscard]] Change remove(MetaBlock root, std::uint64_t key, std::span<std::byte> old = {});

    /// Copies what is shared on the way to `key`'s leaf (whether or not the key is in it), so that
    /// the leaf's references are counted for this tree alone.
    [[nodiscard]] MetaBlock make_path_private(MetaBlock root, std::uint64_t key);

    /// One pointer to `root` less; frees what nobody else reaches. Cost: nodes freed, and one look
    /// at each shared node at their border.
    void release(MetaBlock root);

private:
    [[nodiscard]] Transaction::Shadow shadow(MetaBlock where);
    [[nodiscard]] WriteRef shadow_child(NodeEditor parent, std::uint32_t i);
    void count_children(NodeView node);
    void split_root(NodeEditor root, std::uint64_t key);
    [[nodiscard]] WriteRef
    split_child(NodeEditor parent, std::uint32_t i, WriteRef child, std::uint64_t key);
    void collapse_single_child(NodeEditor node);
    void rebalance(NodeEditor parent, std::uint32_t i);
    [[nodiscard]] bool contains(MetaBlock root, std::uint64_t key) const;
    void release_at(MetaBlock where, int depth);

    Transaction& transaction_;
    BtreeReader reader_;
    ValueReferences* references_;
};

} // namespace thinsnap::pdata
