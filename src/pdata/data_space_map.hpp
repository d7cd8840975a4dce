#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "pdata/bitmap.hpp"
#include "pdata/btree.hpp"

namespace thinsnap::pdata {

/// A run of data chunks.
struct ChunkRun {
    DataChunk begin;
    std::uint64_t length = 0;
};

/// Counts the mappings of each data chunk. Bitmaps are read when they are needed and changed by
/// shadow paging like any block; an index entry (32 bytes for each 16320 chunks) is all that is
/// always in memory.
///
/// A chunk's life: free -> reserved (handed out, data on its way, still count 0) -> claimed (count
/// 1)
/// -> ... -> count 0, held back until the commit that frees it is durable and its space was given
/// back
/// -> free. Reservations are in memory only: a crash or a commit in between leaks nothing.
///
/// Threads: the transaction's owner only.
class DataSpaceMap {
public:
    /// An empty map with room for no chunk; see extend().
    explicit DataSpaceMap(Transaction& transaction);
    DataSpaceMap(Transaction& transaction, const SpaceMapRoot& root);

    [[nodiscard]] std::uint64_t nr_chunks() const noexcept { return nr_chunks_; }
    [[nodiscard]] std::uint64_t nr_allocated() const noexcept { return nr_allocated_; }
    /// Chunks that reserve() can hand out now.
    [[nodiscard]] std::uint64_t nr_free() const noexcept {
        const std::uint64_t taken = nr_allocated_ + nr_held_back_;
        return taken < nr_chunks_ ? nr_chunks_ - taken : 0;
    }
    /// Chunks that will be free once their commit is durable and release() was called.
    [[nodiscard]] std::uint64_t nr_held_back() const noexcept { return nr_held_back_; }

    /// \throws CorruptionError  behind the end, or the overflow tree misses an entry
    [[nodiscard]] std::uint32_t count(DataChunk chunk);
    void inc(DataChunk chunk);
    /// \throws CorruptionError  the count is 0 already
    void dec(DataChunk chunk);
    /// Whether a mapping of this chunk went away in this transaction. While that is so, a count of
    /// 1 does not say that nothing committed maps it besides.
    [[nodiscard]] bool lost_a_mapping(DataChunk chunk) const;

    /// Hands out up to `wanted` neighbouring chunks, first fit from a moving cursor; nothing when
    /// no chunk is free.
    [[nodiscard]] std::optional<ChunkRun> reserve(std::uint64_t wanted);
    /// A reserved chunk is mapped now: its count is 1.
    void claim(DataChunk chunk);
    /// A reserved chunk is not wanted after all.
    void cancel(ChunkRun run);

    /// More chunks at the end, all free.
    void extend(std::uint64_t nr_chunks);

    /// Brings the index tree up to date. \return the root for the superblock
    [[nodiscard]] SpaceMapRoot save();
    /// The superblock that holds save()'s root is durable.
    /// \return what this commit freed: still held back until release()
    [[nodiscard]] std::vector<ChunkRun> committed();
    /// The chunks' space was given back: they may be handed out.
    void release(ChunkRun run);

private:
    struct Page {
        IndexEntry entry;
        bool verified = false; ///< entry's derived numbers were recomputed from the bitmap
        bool entry_changed = false;
    };
    /// What a transaction knows about the chunks of one bitmap, one bit each.
    struct Marks {
        using Bits = std::bitset<kEntriesPerBitmap>;
        Bits held_back; ///< count 0, not free
        Bits freed;     ///< ... since this transaction
        Bits lost_mapping;
        std::uint32_t nr_held_back = 0;
    };

    [[nodiscard]] std::uint64_t page_of(DataChunk chunk) const;
    [[nodiscard]] ReadRef read_page(std::uint64_t page);
    [[nodiscard]] WriteRef write_page(std::uint64_t page);
    void verify(std::uint64_t page, ConstBlockBytes block);
    [[nodiscard]] std::uint32_t entries_in(std::uint64_t page) const;
    void set_count(DataChunk chunk, std::uint32_t old_count, std::uint32_t new_count);
    void hold_back(DataChunk chunk);
    void let_go(DataChunk chunk);
    [[nodiscard]] bool held_back(DataChunk chunk) const;
    [[nodiscard]] std::optional<DataChunk> find_free(std::uint64_t from, std::uint64_t to);
    [[nodiscard]] std::uint32_t overflow_count(DataChunk chunk);

    Transaction& transaction_;
    Btree index_tree_;
    Btree overflow_tree_;
    MetaBlock index_root_;
    MetaBlock overflow_root_;
    std::vector<Page> pages_;
    std::vector<std::uint64_t> changed_pages_;       ///< whose index entry save() has to write
    std::unordered_map<std::uint64_t, Marks> marks_; ///< page -> marks, only where there are any
    std::uint64_t nr_chunks_ = 0;
    std::uint64_t nr_allocated_ = 0;
    std::uint64_t nr_held_back_ = 0;
    std::uint64_t cursor_ = 0;
};

} // namespace thinsnap::pdata
