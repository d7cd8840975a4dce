#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "pdata/bitmap.hpp"
#include "pdata/block_cache.hpp"

namespace thinsnap::pdata {

class Transaction;

/// Counts the pointers to each metadata block. All counts are in memory (4 bytes a block, so 16 MiB
/// for the largest pool the format allows); the disk's copy is brought up to date by
/// Transaction::commit(), by the fix-point that a map which describes its own blocks needs.
///
/// A block is handed out only if its count is 0 now and was 0 at the last commit, and in every view
/// that is open: so what a crash or a reader goes back to is never overwritten.
///
/// Threads: the transaction's owner only.
class MetadataSpaceMap {
public:
    /// An empty map of `nr_blocks` blocks, nothing of it on disk yet.
    explicit MetadataSpaceMap(std::uint64_t nr_blocks);

    /// Reads all bitmaps and the overflow tree.
    /// \throws CorruptionError  a bitmap says "see overflow" and the tree has no entry, or a block
    /// is bad Cost: one read for each 16320 blocks of metadata, and the overflow tree.
    MetadataSpaceMap(BlockCache& cache, const SpaceMapRoot& root);

    [[nodiscard]] std::uint64_t nr_blocks() const noexcept { return counts_.size(); }
    [[nodiscard]] std::uint64_t nr_allocated() const noexcept { return nr_allocated_; }
    /// Blocks that allocate() can still hand out in this transaction.
    [[nodiscard]] std::uint64_t nr_free() const noexcept;

    [[nodiscard]] std::uint32_t count(MetaBlock block) const;
    /// \throws CorruptionError  behind the end, or over 2^32-1
    void inc(MetaBlock block);
    /// \return the new count. \throws CorruptionError  the count is 0 already: the metadata is
    /// damaged
    std::uint32_t dec(MetaBlock block);

    /// Count becomes 1. \throws Error(no_space) with the numbers
    [[nodiscard]] MetaBlock allocate();
    /// Whether the block was handed out since the last commit.
    [[nodiscard]] bool is_new(MetaBlock block) const { return new_[block.value()]; }

    /// More blocks at the end, all free; their bitmaps are made at the commit.
    void extend(std::uint64_t nr_blocks);

    /// Views: between pin_view() and unpin_view(ticket) nothing that is committed now is handed
    /// out.
    [[nodiscard]] std::uint64_t pin_view();
    void unpin_view(std::uint64_t ticket);

    /// Puts bitmaps, index block and overflow tree on new blocks, with all that this itself
    /// changes. \return the root for the superblock
    [[nodiscard]] SpaceMapRoot save(Transaction& transaction);

    /// The superblock that holds save()'s root is durable: freed blocks may be used again.
    void committed();

    /// Blocks changed since the last commit; grows with a transaction, bounds save()'s need.
    [[nodiscard]] std::size_t nr_changed() const noexcept { return changed_.size(); }

private:
    struct Deferred {
        std::uint64_t commit = 0; ///< the commit that freed them
        std::vector<MetaBlock> blocks;
    };

    void check_number(MetaBlock block) const;
    void require_own_blocks() const;
    void note_change(MetaBlock block);
    void move_page(std::uint64_t page);
    void write_page(BlockCache& cache, std::uint64_t page);
    void write_pages(BlockCache& cache);
    void save_overflow(Transaction& transaction, MetaBlock block, std::uint32_t old_count);
    void release_deferred();

    std::vector<std::uint32_t> counts_;
    std::vector<bool> held_back_; ///< count 0, but a commit or a view still needs it
    std::vector<bool> new_;
    std::vector<MetaBlock> new_list_;
    std::vector<MetaBlock> freed_; ///< held back by the last commit, or an older view
    std::unordered_map<MetaBlock, std::uint32_t> changed_; ///< block -> count on disk
    std::vector<IndexEntry> pages_; ///< as the index block has them; bitmap 0: not on disk yet
    std::vector<bool> page_moved_;
    MetaBlock index_block_;
    MetaBlock overflow_root_;
    bool on_disk_ = false;
    std::uint64_t nr_allocated_ = 0;
    std::uint64_t nr_held_back_ = 0;
    std::uint64_t cursor_ = 0;
    std::uint64_t commit_ = 0;
    std::vector<std::uint64_t> views_; ///< the commit that each open view stands on
    std::deque<Deferred> deferred_;
};

} // namespace thinsnap::pdata
