#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/mutex.hpp"
#include "engine/backing_store.hpp"
#include "engine/embedded_pool.hpp"
#include "engine/mapping_cache.hpp"
#include "engine/side_thread.hpp"
#include "thin/pool_metadata.hpp"

namespace thinsnap::engine {

/// The pool's metadata for many threads, its commits, and what becomes of the pool when one fails.
///
/// Two locks. The transaction lock is held by whoever changes metadata, and through a whole commit
/// with its I/O. The tree lock is taken exclusively for the changes themselves, which are in
/// memory, and shared by lookups: so these go on while a commit waits for the disk.
///
/// A commit: trees and space maps brought up to date, blocks written and flushed, the data flushed
/// beside that, then the superblock written and flushed. If any of that fails the transaction is
/// dropped, the state on disk is opened again for reading, needs_check is set there if that can
/// still be written, and the pool takes no more writes.
class MetadataStore {
public:
    MetadataStore(BlockDevice& metadata, BackingStore& backing, const EngineOptions& options);

    using Change = std::function<void(thin::PoolMetadata&)>;

    /// Runs `change` under both locks. When it throws half way, the transaction is dropped as
    /// above. \throws Error(read_only)  the pool takes no writes
    void change(const Change& change) TS_EXCLUDES(transaction_, tree_);
    /// The same, also while metadata space has run out: for what frees space or brings new.
    void change_to_free(const Change& change) TS_EXCLUDES(transaction_, tree_);
    /// The same followed by a commit, with no other change in between.
    void change_and_commit(bool frees_space, const Change& change) TS_EXCLUDES(transaction_, tree_);

    /// A mapping, and through `found` while the tree is still locked: what is put in a cache there
    /// cannot be older than what clear() of that cache forgot.
    [[nodiscard]] std::optional<thin::Mapping>
    lookup(DeviceId id,
           VirtualChunk chunk,
           const std::function<void(const std::optional<thin::Mapping>&)>& found)
        TS_EXCLUDES(tree_);
    /// Any other question.
    void ask(const std::function<void(const thin::PoolMetadata&)>& question) TS_EXCLUDES(tree_);

    /// Makes everything durable that completed before the call. Nothing to do: returns at once,
    /// after a flush of the data where something was written.
    void commit() TS_EXCLUDES(transaction_, tree_);
    /// Number of the running transaction, counted from 1 since the pool was opened.
    [[nodiscard]] std::uint64_t transaction() const noexcept { return number_; }

    /// Gives back the space of chunks that commits have freed, so that they can be used again.
    void give_back_freed() TS_EXCLUDES(transaction_, tree_);
    /// A bounded part of that, for a caller that others wait for. \return false: nothing was left
    bool give_back_some() TS_EXCLUDES(transaction_, tree_);
    /// Counts how often chunks became free; read before looking for one, see wait_for_space().
    [[nodiscard]] std::uint64_t space_events() TS_EXCLUDES(freed_mutex_);
    /// Called by a writer that found no chunk: commits what frees some; else waits, at most until
    /// `deadline`, for somebody to free or add space.
    /// \param seen  space_events() from before the writer looked
    /// \return false when the deadline passed and nothing came
    [[nodiscard]] bool wait_for_space(std::uint64_t seen,
                                      std::chrono::steady_clock::time_point deadline)
        TS_EXCLUDES(transaction_, tree_);
    /// The pool or its host has room again / has none.
    void space_added() TS_EXCLUDES(freed_mutex_, mode_mutex_);
    void out_of_data(std::string reason) TS_EXCLUDES(mode_mutex_);
    /// See PoolMetadata::has_metadata_room(); commits when that makes room.
    [[nodiscard]] bool make_metadata_room(std::uint64_t blocks) TS_EXCLUDES(transaction_, tree_);
    /// The same for a writer that cannot do without.
    /// \throws Error(no_space)  there is none; the pool is read-only until it is grown or freed
    void need_metadata_room(std::uint64_t blocks) TS_EXCLUDES(transaction_, tree_);

    [[nodiscard]] std::unique_ptr<ReadView> view() TS_EXCLUDES(transaction_, tree_);

    [[nodiscard]] PoolMode mode() const TS_EXCLUDES(mode_mutex_);
    [[nodiscard]] std::string reason() const TS_EXCLUDES(mode_mutex_);
    /// \throws Error(read_only) with the reason
    void require_writable() const TS_EXCLUDES(mode_mutex_);
    /// For a flush, which must not succeed behind one that failed: a file system would take it for
    /// the durability of what is lost. \throws Error(io)  changes were dropped since the pool was
    /// opened
    void require_nothing_dropped() TS_EXCLUDES(freed_mutex_, mode_mutex_);
    /// A failed data flush: what the disk holds is unknown.
    void fail(const std::string& what) TS_EXCLUDES(transaction_, tree_);
    /// Decoded mappings that are dropped when a transaction is.
    [[nodiscard]] MappingCache& mappings() noexcept { return mappings_; }

private:
    class DataFlush;

    void change_locked(const Change& change) TS_REQUIRES(transaction_) TS_EXCLUDES(tree_);
    void commit_locked() TS_REQUIRES(transaction_) TS_EXCLUDES(tree_);
    void drop_transaction(const std::string& what) TS_REQUIRES(transaction_) TS_EXCLUDES(tree_);
    void require_writable(bool frees_space) const TS_EXCLUDES(mode_mutex_);
    void set_mode(PoolMode mode, std::string reason) TS_EXCLUDES(mode_mutex_);
    void run_out_of_metadata() TS_EXCLUDES(mode_mutex_, tree_);
    [[nodiscard]] bool may_commit() const TS_EXCLUDES(mode_mutex_);
    void leave_out_of_metadata() TS_EXCLUDES(mode_mutex_, tree_);
    void release(std::span<const pdata::ChunkRun> runs, std::uint64_t drops)
        TS_EXCLUDES(transaction_, tree_, freed_mutex_);

    BlockDevice& device_;
    BackingStore& backing_;
    const EngineOptions options_;
    MappingCache mappings_;
    SideThread side_; ///< flushes the data of a commit; used with the transaction lock held

    Mutex transaction_;
    mutable SharedMutex tree_;
    /// Shared with the views that read through its cache.
    std::shared_ptr<thin::PoolMetadata> metadata_ TS_GUARDED_BY(tree_);
    std::atomic<std::uint64_t> number_ = 1;

    Mutex freed_mutex_;
    Condition freed_changed_;
    std::deque<pdata::ChunkRun> freed_ TS_GUARDED_BY(freed_mutex_);
    bool giving_back_ TS_GUARDED_BY(freed_mutex_) = false;
    std::uint64_t space_events_ TS_GUARDED_BY(freed_mutex_) = 0;
    std::uint64_t drops_ TS_GUARDED_BY(freed_mutex_) = 0; ///< transactions dropped so far

    mutable Mutex mode_mutex_;
    PoolMode mode_ TS_GUARDED_BY(mode_mutex_) = PoolMode::write;
    std::string reason_ TS_GUARDED_BY(mode_mutex_);
    bool out_of_metadata_ TS_GUARDED_BY(mode_mutex_) = false;
};

} // namespace thinsnap::engine
