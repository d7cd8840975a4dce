#pragma once

#include <cstdint>

#include "pdata/block_cache.hpp"
#include "pdata/metadata_space_map.hpp"

namespace thinsnap::pdata {

/// Shadow paging: a block that something committed points to is never overwritten; it is copied,
/// and the copy is changed. The kernel calls this the transaction manager.
///
/// Everything done here is in memory and in blocks that nothing committed points to, until the
/// caller writes a superblock that points to it. There is no undo: after a failure in the middle of
/// a change the owner drops the whole object and starts again from the superblock on disk.
///
/// Threads: one at a time, the pool's writer.
/// Source: Linux drivers/md/persistent-data/dm-transaction-manager.h.
class Transaction {
public:
    Transaction(BlockCache& cache, MetadataSpaceMap space_map)
        : cache_(cache)
        , space_map_(std::move(space_map)) {}

    struct Shadow {
        WriteRef block; ///< the writable copy, or the block itself if it was writable already
        bool was_shared = false; ///< the old block lives on: count its children once more
        [[nodiscard]] MetaBlock where() const { return block.where(); }
    };

    /// Makes `orig` writable. The caller stores the new place wherever it found the old one, and,
    /// if the block was shared, counts everything that it points to once more. \throws
    /// CorruptionError, SystemError, Error(no_space)
    [[nodiscard]] Shadow shadow(MetaBlock orig, BlockKind kind);

    /// A new block of zeros with count 1. \throws Error(no_space)
    [[nodiscard]] WriteRef new_block(BlockKind kind);

    [[nodiscard]] ReadRef read(MetaBlock where, BlockKind kind) { return cache_.read(where, kind); }

    void inc(MetaBlock where) { space_map_.inc(where); }
    /// One pointer less. At 0 the block is free (the caller has released what it points to before).
    void dec(MetaBlock where);
    [[nodiscard]] std::uint32_t count(MetaBlock where) const { return space_map_.count(where); }

    [[nodiscard]] BlockCache& cache() noexcept { return cache_; }
    [[nodiscard]] MetadataSpaceMap& space_map() noexcept { return space_map_; }

private:
    BlockCache& cache_;
    MetadataSpaceMap space_map_;
};

} // namespace thinsnap::pdata
