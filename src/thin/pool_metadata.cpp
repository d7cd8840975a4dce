#include "thin/pool_metadata.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "thin/format/superblock_disk.hpp"
#include "thin/references.hpp"

namespace thinsnap::thin {

namespace {

using pdata::Btree;
using pdata::ChunkRun;
using pdata::DataSpaceMap;
using pdata::MetadataSpaceMap;
using pdata::Transaction;

constexpr std::uint32_t kDetailsSize = sizeof(DeviceDetailsDisk);
constexpr std::uint32_t kMappingSize = 8;

std::array<std::byte, 8> as_value(std::uint64_t number) {
    std::array<std::byte, 8> value{};
    store_le<std::uint64_t>(value, 0, number);
    return value;
}

} // namespace

/// Marks the time in which a change is half done. Left standing by an exception.
class PoolMetadata::ChangeGuard {
public:
    explicit ChangeGuard(PoolMetadata& metadata)
        : metadata_(metadata) {
        if (metadata.changing_)
            throw Error(Errc::read_only,
                        "the running transaction failed half way and cannot go on");
        metadata.changing_ = true;
    }
    ChangeGuard(const ChangeGuard&) = delete;
    ChangeGuard& operator=(const ChangeGuard&) = delete;
    ~ChangeGuard() = default;

    void done() {
        metadata_.changing_ = false;
        metadata_.dirty_ = true;
    }
    /// Nothing was changed after all.
    void unchanged() { metadata_.changing_ = false; }

private:
    PoolMetadata& metadata_;
};

PoolMetadata::PoolMetadata(BlockDevice& device, std::size_t cache_blocks)
    : device_(device)
    , committed_(read_superblock(device))
    , cache_(std::make_unique<pdata::BlockCache>(device, cache_blocks)) {
    transaction_ = std::make_unique<Transaction>(
        *cache_, MetadataSpaceMap(*cache_, committed_.metadata_space_map));
    data_map_ = std::make_unique<DataSpaceMap>(*transaction_, committed_.data_space_map);
    data_references_ = std::make_unique<DataReferences>(*data_map_);
    mapping_tree_ = std::make_unique<Btree>(*transaction_, kMappingSize, data_references_.get());
    device_root_references_ = std::make_unique<DeviceRootReferences>(*transaction_, *mapping_tree_);
    top_tree_ = std::make_unique<Btree>(*transaction_, kMappingSize, device_root_references_.get());
    details_tree_ = std::make_unique<Btree>(*transaction_, kDetailsSize);

    mapping_root_ = committed_.mapping_root;
    details_root_ = committed_.details_root;
    time_ = committed_.time;
    flags_ = committed_.flags;
    transaction_id_ = committed_.transaction_id;
    for (const MetaBlock root : {mapping_root_,
                                 details_root_,
                                 committed_.data_space_map.bitmap_root,
                                 committed_.data_space_map.ref_count_root})
        if (metadata_map().count(root) == 0)
            throw CorruptionError(
                "superblock",
                0,
                fmt::format("points to block {}, which is counted as free", root.value()));
}

PoolMetadata::~PoolMetadata() = default;

// --- questions ---------------------------------------------------------------------------------

const MetadataSpaceMap& PoolMetadata::metadata_map() const noexcept {
    return transaction_->space_map();
}

std::optional<DeviceInfo> PoolMetadata::find_device(DeviceId id) const {
    if (const auto touched = touched_.find(id); touched != touched_.end())
        return touched->second.info;
    std::array<std::byte, kDetailsSize> value{};
    if (!details_tree_->reader().find(details_root_, id.value(), value))
        return std::nullopt;
    return unpack_details(id, value);
}

DeviceInfo PoolMetadata::need_device(DeviceId id) const {
    const auto info = find_device(id);
    if (!info)
        throw Error(Errc::not_found, fmt::format("thin device {} does not exist", id.value()));
    return *info;
}

MetaBlock PoolMetadata::root_of(DeviceId id) const {
    if (const auto touched = touched_.find(id); touched != touched_.end())
        return touched->second.root;
    const auto root = top_tree_->reader().find64(mapping_root_, id.value());
    if (!root)
        throw Error(Errc::not_found, fmt::format("thin device {} does not exist", id.value()));
    return MetaBlock(*root);
}

std::uint64_t PoolMetadata::nr_devices() const {
    std::uint64_t devices = 0;
    details_tree_->reader().for_each(
        details_root_, 0, [&](std::uint64_t, std::span<const std::byte>) {
            ++devices;
            return true;
        });
    return devices;
}

Mapping PoolMetadata::checked(DeviceId id, VirtualChunk chunk, std::uint64_t value) const {
    const Mapping mapping = unpack_mapping(value);
    if (mapping.chunk.value() >= data_map_->nr_chunks())
        throw Error(
            Errc::corrupt,
            fmt::format("thin device {}: chunk {} is mapped to data chunk {}, the pool has {}; "
                        "run `thinsnap pool check`",
                        id.value(),
                        chunk.value(),
                        mapping.chunk.value(),
                        data_map_->nr_chunks()));
    return mapping;
}

std::optional<Mapping> PoolMetadata::lookup(DeviceId id, VirtualChunk chunk) const {
    const auto value = mapping_tree_->reader().find64(root_of(id), chunk.value());
    return value ? std::optional(checked(id, chunk, *value)) : std::nullopt;
}

std::optional<std::pair<VirtualChunk, Mapping>>
PoolMetadata::next_mapping(DeviceId id, VirtualChunk from) const {
    const auto entry = mapping_tree_->reader().find_next(root_of(id), from.value());
    if (!entry)
        return std::nullopt;
    const VirtualChunk chunk(entry->key);
    return std::pair(chunk, checked(id, chunk, load_le<std::uint64_t>(entry->value, 0)));
}

std::uint32_t PoolMetadata::snapshotted_time(DeviceId id) const {
    return need_device(id).snapshotted_time;
}

std::uint64_t PoolMetadata::metadata_reserve() const {
    const std::uint64_t bitmaps = pdata::bitmaps_for(data_map_->nr_chunks());
    return std::min(std::max<std::uint64_t>(4096, 2 * bitmaps), metadata_map().nr_blocks() / 10);
}

std::uint64_t PoolMetadata::metadata_need(std::uint64_t blocks) const {
    // Any change may move the nodes of a path and of the space maps' trees, and split each of them.
    // Two shared leaves that are copied count all their chunks once more: each may stand in a
    // bitmap and an overflow leaf of its own.
    constexpr std::uint64_t paths = 32;
    const std::uint64_t counts =
        4 * std::min<std::uint64_t>(pdata::max_entries_for(kMappingSize),
                                    pdata::bitmaps_for(data_map_->nr_chunks()));
    return metadata_reserve() + paths + counts + blocks;
}

bool PoolMetadata::has_metadata_room(std::uint64_t blocks) const {
    return metadata_map().nr_free() >= metadata_need(blocks);
}

// --- devices -----------------------------------------------------------------------------------

void PoolMetadata::require_new_id(DeviceId id) const {
    if (id > kMaxDeviceId)
        throw Error(Errc::invalid_argument,
                    fmt::format("device id {} is over {}", id.value(), kMaxDeviceId.value()));
    if (find_device(id))
        throw Error(Errc::already_exists, fmt::format("thin device {} exists", id.value()));
}

void PoolMetadata::insert_new_device(const DeviceInfo& info, MetaBlock root) {
    std::array<std::byte, kDetailsSize> details{};
    pack_details(info, details);
    mapping_root_ = top_tree_->insert(mapping_root_, info.id.value(), as_value(root.value())).root;
    details_root_ = details_tree_->insert(details_root_, info.id.value(), details).root;
}

PoolMetadata::Touched& PoolMetadata::touch(DeviceId id) {
    if (const auto touched = touched_.find(id); touched != touched_.end())
        return touched->second;
    const DeviceInfo info = need_device(id);
    // A top-level leaf that a held root shares must be copied before the device's root moves: its
    // copy counts every device root once more, this one included.
    mapping_root_ = top_tree_->make_path_private(mapping_root_, id.value());
    return touched_.emplace(id, Touched{root_of(id), info}).first->second;
}

void PoolMetadata::write_back(const Touched& device) {
    // The reference that the old value held moved to the new root when that was shadowed.
    insert_new_device(device.info, device.root);
}

void PoolMetadata::create_thin(DeviceId id) {
    require_new_id(id);
    ChangeGuard change(*this);
    insert_new_device({.id = id,
                       .mapped_chunks = 0,
                       .transaction_id = transaction_id_,
                       .creation_time = time_,
                       .snapshotted_time = time_},
                      mapping_tree_->create_empty());
    change.done();
}

void PoolMetadata::create_snapshot(DeviceId id, DeviceId origin) {
    require_new_id(id);
    static_cast<void>(need_device(origin));
    require_snapshots(1);
    ChangeGuard change(*this);
    Touched& from = touch(origin);
    transaction_->inc(from.root);
    ++time_;
    from.info.snapshotted_time = time_;
    insert_new_device({.id = id,
                       .mapped_chunks = from.info.mapped_chunks,
                       .transaction_id = transaction_id_,
                       .creation_time = time_,
                       .snapshotted_time = time_},
                      from.root);
    change.done();
}

void PoolMetadata::delete_device(DeviceId id) {
    static_cast<void>(need_device(id));
    ChangeGuard change(*this);
    const MetaBlock root = touch(id).root;
    touched_.erase(id);
    details_root_ = details_tree_->remove(details_root_, id.value()).root;
    mapping_root_ = top_tree_->remove(mapping_root_, id.value()).root;
    mapping_tree_->release(root);
    deleted_ = true;
    change.done();
}

void PoolMetadata::require_transaction_id(TransactionId expected) const {
    if (transaction_id_ != expected)
        throw Error(Errc::precondition,
                    fmt::format("the pool's transaction id is {}, not {}",
                                transaction_id_.value(),
                                expected.value()));
}

void PoolMetadata::require_snapshots(std::uint64_t nr) const {
    if (nr > kMaxTime - time_) // the kernel goes on and corrupts its mappings
        throw Error(Errc::precondition,
                    fmt::format("the pool has made {} snapshots and cannot make {} more: its "
                                "format tells {} apart",
                                time_,
                                nr,
                                kMaxTime));
}

void PoolMetadata::set_transaction_id(TransactionId id) {
    // Also when it stays as it is: whoever sets it wants it on the disk, and a process that was
    // killed may have left its commit to the disk's cache.
    dirty_ = true;
    transaction_id_ = id;
}

// --- mappings ----------------------------------------------------------------------------------

WritePlan PoolMetadata::plan_write(DeviceId id, VirtualChunk chunk) {
    const auto mapping = lookup(id, chunk);
    if (!mapping)
        return {WritePlan::Kind::provision, {}};
    if (mapping->time >= snapshotted_time(id))
        return {WritePlan::Kind::in_place, *mapping};

    // Older than a snapshot: it looks shared. Once the path to it is ours alone the data count
    // tells for sure; before that, sharing may be counted in the nodes above.
    ChangeGuard change(*this);
    Touched& device = touch(id);
    device.root = mapping_tree_->make_path_private(device.root, chunk.value());
    const bool alone = data_map_->count(mapping->chunk) == 1;
    if (!alone) {
        change.done();
        return {WritePlan::Kind::copy, *mapping};
    }
    // What another device lost since the last commit comes back with a crash.
    if (deleted_ || data_map_->lost_a_mapping(mapping->chunk)) {
        change.done();
        return {WritePlan::Kind::commit_first, *mapping};
    }
    const Mapping now{mapping->chunk, time_};
    device.root =
        mapping_tree_->insert(device.root, chunk.value(), as_value(pack_mapping(now))).root;
    change.done();
    return {WritePlan::Kind::in_place, now};
}

Mapping PoolMetadata::map(DeviceId id, VirtualChunk chunk, DataChunk target) {
    static_cast<void>(
        lookup(id, chunk)); // reads the path: a bad block fails before anything changes
    ChangeGuard change(*this);
    Touched& device = touch(id);
    const Mapping mapping{target, time_};
    std::array<std::byte, kMappingSize> old{};
    const auto inserted =
        mapping_tree_->insert(device.root, chunk.value(), as_value(pack_mapping(mapping)), old);
    device.root = inserted.root;
    data_map_->claim(target);
    if (inserted.found)
        data_map_->dec(unpack_mapping(load_le<std::uint64_t>(old, 0)).chunk);
    else
        ++device.info.mapped_chunks;
    change.done();
    return mapping;
}

std::uint64_t
PoolMetadata::unmap(DeviceId id, VirtualChunk begin, VirtualChunk end, std::uint64_t most) {
    std::uint64_t removed = 0;
    auto next = next_mapping(id, begin);
    if (!next || next->first >= end)
        return 0;
    ChangeGuard change(*this);
    Touched& device = touch(id);
    while (next && next->first < end && removed < most) {
        device.root = mapping_tree_->remove(device.root, next->first.value()).root;
        data_map_->dec(next->second.chunk);
        --device.info.mapped_chunks;
        ++removed;
        next = next_mapping(id, next->first + 1);
    }
    change.done();
    return removed;
}

std::optional<ChunkRun> PoolMetadata::reserve_data(std::uint64_t wanted) {
    return data_map_->reserve(wanted);
}

void PoolMetadata::cancel_data(ChunkRun run) {
    data_map_->cancel(run);
}

void PoolMetadata::release_data(ChunkRun run) {
    data_map_->release(run);
}

// --- the whole ---------------------------------------------------------------------------------

void PoolMetadata::extend_data(std::uint64_t nr_chunks) {
    if (nr_chunks < data_map_->nr_chunks() || nr_chunks > kMaxDataChunks)
        throw Error(Errc::invalid_argument,
                    fmt::format("the pool has {} data chunks and cannot be given {}: pools only "
                                "grow, to at most {}",
                                data_map_->nr_chunks(),
                                nr_chunks,
                                kMaxDataChunks));
    const std::uint64_t bitmaps =
        pdata::bitmaps_for(nr_chunks) - pdata::bitmaps_for(data_map_->nr_chunks());
    // Each has an entry in the index tree, whose leaves hold 56 at least.
    if (metadata_map().nr_free() < metadata_reserve() + bitmaps + bitmaps / 50 + 8)
        throw Error(Errc::no_space,
                    fmt::format("growing to {} data chunks takes {} metadata blocks more; {} of {} "
                                "are free and {} are kept in reserve: use `thinsnap pool grow "
                                "--metadata-size` first",
                                nr_chunks,
                                bitmaps + bitmaps / 50 + 8,
                                metadata_map().nr_free(),
                                metadata_map().nr_blocks(),
                                metadata_reserve()));
    ChangeGuard change(*this);
    data_map_->extend(nr_chunks);
    change.done();
}

void PoolMetadata::extend_metadata(std::uint64_t nr_blocks) {
    nr_blocks = std::min(nr_blocks, pdata::kMaxMetadataBlocks);
    if (nr_blocks < metadata_map().nr_blocks())
        throw Error(Errc::invalid_argument,
                    fmt::format("the pool has {} metadata blocks and cannot be given {}: pools "
                                "only grow",
                                metadata_map().nr_blocks(),
                                nr_blocks));
    ChangeGuard change(*this);
    transaction_->space_map().extend(nr_blocks);
    change.done();
}

void PoolMetadata::set_needs_check(bool needs_check) {
    const std::uint32_t flags = needs_check ? flags_ | kNeedsCheckFlag : flags_ & ~kNeedsCheckFlag;
    dirty_ = dirty_ || flags != flags_;
    flags_ = flags;
}

void PoolMetadata::write_needs_check() {
    committed_.flags |= kNeedsCheckFlag;
    flags_ |= kNeedsCheckFlag;
    write_superblock(device_, committed_);
}

void PoolMetadata::prepare_commit() {
    ChangeGuard change(*this);
    for (const auto& [id, device] : touched_)
        write_back(device);
    next_ = committed_;
    next_.data_space_map = data_map_->save();
    next_.metadata_space_map = transaction_->space_map().save(*transaction_);
    next_.mapping_root = mapping_root_;
    next_.details_root = details_root_;
    next_.time = time_;
    next_.flags = flags_;
    next_.transaction_id = transaction_id_;
    // Until finish_commit() the change is not done: if writing fails, nothing may go on from here.
}

void PoolMetadata::write_commit(const std::function<void()>& make_data_durable) {
    TS_ASSERT(changing_);
    cache_->write_back();
    device_.flush();
    make_data_durable();
    publish_superblock(device_, next_);
}

std::vector<ChunkRun> PoolMetadata::finish_commit() {
    TS_ASSERT(changing_);
    committed_ = next_;
    touched_.clear();
    transaction_->space_map().committed();
    auto freed = data_map_->committed();
    changing_ = false;
    dirty_ = false;
    deleted_ = false;
    return freed;
}

std::uint64_t PoolMetadata::pin_view() {
    return transaction_->space_map().pin_view();
}

void PoolMetadata::unpin_view(std::uint64_t ticket) {
    transaction_->space_map().unpin_view(ticket);
}

} // namespace thinsnap::thin
