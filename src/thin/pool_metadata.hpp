#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "pdata/btree.hpp"
#include "pdata/data_space_map.hpp"
#include "pdata/transaction.hpp"
#include "thin/mapping.hpp"
#include "thin/references.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin {

/// What a write to a chunk has to do first.
struct WritePlan {
    enum class Kind {
        in_place,     ///< write to `mapping.chunk`
        copy,         ///< copy `mapping.chunk` to a new chunk, write there, then map()
        provision,    ///< fill a new chunk, then map()
        commit_first, ///< commit and ask again: then it may be `in_place`
    };
    Kind kind = Kind::provision;
    Mapping mapping; ///< where there is one
};

/// A pool's metadata with one open transaction: everything that changes is in memory until
/// commit().
///
/// Changes to one device's mappings need no search from the top: the device's root is kept while
/// the transaction lasts and written back at the commit.
///
/// Failure: a change that throws anything but Error(not_found, already_exists, invalid_argument,
/// precondition) may be half done; is_damaged() then is true, every further change and commit()
/// throw, and the owner drops the object. What is committed is untouched.
///
/// Threads: const functions from any thread while no other function runs (readers-writer lock of
/// the owner), except where a function says otherwise. Source: Linux drivers/md/dm-thin-metadata.c
/// (behaviour; the sharing test is finer, see plan_write).
class PoolMetadata {
public:
    /// Opens what is on `device`.
    /// \param cache_blocks  metadata blocks kept in memory, 4 KiB each
    /// \throws see read_superblock()
    /// Cost: superblock, metadata bitmaps, the data bitmaps' index; not the mappings.
    PoolMetadata(BlockDevice& device, std::size_t cache_blocks);
    ~PoolMetadata();
    PoolMetadata(const PoolMetadata&) = delete;
    PoolMetadata& operator=(const PoolMetadata&) = delete;

    // --- questions -------------------------------------------------------------------------------

    /// As of the last commit.
    [[nodiscard]] const Superblock& superblock() const noexcept { return committed_; }
    [[nodiscard]] TransactionId transaction_id() const noexcept { return transaction_id_; }
    [[nodiscard]] std::optional<DeviceInfo> find_device(DeviceId id) const;
    [[nodiscard]] std::uint64_t nr_devices() const;
    [[nodiscard]] std::optional<Mapping> lookup(DeviceId id, VirtualChunk chunk) const;
    /// First mapping at or behind `from`.
    [[nodiscard]] std::optional<std::pair<VirtualChunk, Mapping>>
    next_mapping(DeviceId id, VirtualChunk from) const;
    /// The device's snapshotted time: a mapping that is older looks shared.
    [[nodiscard]] std::uint32_t snapshotted_time(DeviceId id) const;

    [[nodiscard]] bool is_dirty() const noexcept { return dirty_; }
    [[nodiscard]] bool is_damaged() const noexcept { return changing_; }
    [[nodiscard]] const pdata::DataSpaceMap& data_map() const noexcept { return *data_map_; }
    [[nodiscard]] const pdata::MetadataSpaceMap& metadata_map() const noexcept;
    /// Blocks that a change must leave free so that the commit after it, and a delete that touches
    /// every data bitmap, find room: 4096 as in the kernel, more where there are more bitmaps, at
    /// most a tenth.
    [[nodiscard]] std::uint64_t metadata_reserve() const;
    /// Whether a change that takes `blocks` more can be made and committed without
    /// touching the reserve.
    [[nodiscard]] bool has_metadata_room(std::uint64_t blocks) const;
    /// The free blocks that has_metadata_room() asks for.
    [[nodiscard]] std::uint64_t metadata_need(std::uint64_t blocks) const;

    /// Several changes that must all happen or none: unless done() is called, its destructor leaves
    /// the transaction unusable, as a change that failed half way does.
    class Batch {
    public:
        explicit Batch(PoolMetadata& metadata)
            : metadata_(metadata) {}
        Batch(const Batch&) = delete;
        Batch& operator=(const Batch&) = delete;
        ~Batch() { metadata_.changing_ = metadata_.changing_ || !done_; }
        void done() { done_ = true; }

    private:
        PoolMetadata& metadata_;
        bool done_ = false;
    };

    // --- devices ---------------------------------------------------------------------------------

    /// \throws Error(already_exists, invalid_argument)
    void create_thin(DeviceId id);
    /// \throws Error(already_exists, not_found, invalid_argument), Error(precondition) when the
    /// pool
    ///         has made all the 2^24-1 snapshots that the format can tell apart
    void create_snapshot(DeviceId id, DeviceId origin);
    /// Cost: the nodes that only this device reaches. \throws Error(not_found)
    void delete_device(DeviceId id);
    void set_transaction_id(TransactionId id);
    /// \throws Error(precondition)  the current id is not `expected`; both are in the text
    void require_transaction_id(TransactionId expected) const;
    /// \throws Error(precondition)  the format cannot tell apart that many more snapshots
    void require_snapshots(std::uint64_t nr) const;

    // --- mappings --------------------------------------------------------------------------------

    /// Whether a chunk can be written in place. Not const: to be exact about sharing it makes the
    /// path to the mapping private. The last owner of a chunk always gets `in_place` in the end.
    [[nodiscard]] WritePlan plan_write(DeviceId id, VirtualChunk chunk);
    /// Points `chunk` to a chunk that was reserved in the data map; the old one loses a mapping.
    /// \return the new mapping
    Mapping map(DeviceId id, VirtualChunk chunk, DataChunk target);
    /// Takes away mappings in [begin, end), from the front, at most `most`.
    /// \return their number; less than `most` when none is left
    std::uint64_t unmap(DeviceId id, VirtualChunk begin, VirtualChunk end, std::uint64_t most);

    [[nodiscard]] std::optional<pdata::ChunkRun> reserve_data(std::uint64_t wanted);
    void cancel_data(pdata::ChunkRun run);
    /// After commit(): see DataSpaceMap::release().
    void release_data(pdata::ChunkRun run);

    // --- the whole -------------------------------------------------------------------------------

    /// Uses more of either device. \throws Error(invalid_argument) when it would get smaller
    void extend_data(std::uint64_t nr_chunks);
    void extend_metadata(std::uint64_t nr_blocks);
    void set_needs_check(bool needs_check);
    /// Writes the last commit's superblock again with the flag set: for a metadata device on which
    /// nothing else is to be changed any more.
    void write_needs_check();

    /// First half of a commit, in memory: brings trees and space maps up to date. Nothing may
    /// change between this and finish_commit(); lookups may go on.
    void prepare_commit();
    /// Second half: writes all changed blocks, flushes, writes the superblock, flushes.
    /// Needs no lock that excludes lookups.
    /// \param make_data_durable  called before the superblock is written; when it returns the data
    ///                           device has been flushed, else mappings could point to bytes that
    ///                           are not there
    void write_commit(const std::function<void()>& make_data_durable);
    /// The transaction is over. \return chunks freed by it, held back until release_data()
    [[nodiscard]] std::vector<pdata::ChunkRun> finish_commit();

    /// Views: the superblock of the last commit, with its blocks kept until the ticket is given
    /// back.
    [[nodiscard]] std::uint64_t pin_view();
    void unpin_view(std::uint64_t ticket);
    [[nodiscard]] pdata::BlockCache& cache() noexcept { return *cache_; }

private:
    class ChangeGuard;

    /// A device touched in this transaction: newer than the trees.
    struct Touched {
        MetaBlock root;
        DeviceInfo info;
    };

    [[nodiscard]] MetaBlock root_of(DeviceId id) const;
    [[nodiscard]] DeviceInfo need_device(DeviceId id) const;
    Touched& touch(DeviceId id);
    void write_back(const Touched& device);
    void insert_new_device(const DeviceInfo& info, MetaBlock root);
    void require_new_id(DeviceId id) const;
    /// \throws Error(corrupt)  a mapping to a chunk that the pool does not have
    [[nodiscard]] Mapping checked(DeviceId id, VirtualChunk chunk, std::uint64_t value) const;

    BlockDevice& device_;
    Superblock committed_;
    Superblock next_; ///< what write_commit() will write
    std::unique_ptr<pdata::BlockCache> cache_;
    std::unique_ptr<pdata::Transaction> transaction_;
    std::unique_ptr<pdata::DataSpaceMap> data_map_;
    std::unique_ptr<DeviceRootReferences> device_root_references_;
    std::unique_ptr<DataReferences> data_references_;
    std::unique_ptr<pdata::Btree> top_tree_;
    std::unique_ptr<pdata::Btree> mapping_tree_;
    std::unique_ptr<pdata::Btree> details_tree_;

    MetaBlock mapping_root_;
    MetaBlock details_root_;
    std::uint32_t time_ = 0;
    std::uint32_t flags_ = 0;
    TransactionId transaction_id_;
    std::unordered_map<DeviceId, Touched> touched_;
    bool dirty_ = false;
    bool deleted_ = false;  ///< a device was deleted since the last commit
    bool changing_ = false; ///< set while a change or a commit runs; stays set when it throws
};

} // namespace thinsnap::thin
