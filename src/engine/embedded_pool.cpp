#include "engine/embedded_pool.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "engine/flush_group.hpp"
#include "engine/thin_device.hpp"
#include "pool/batch.hpp"
#include "pool/reserve.hpp"

namespace thinsnap::engine {

namespace {

using pool::share_of;

struct Apply {
    thin::PoolMetadata& metadata;
    void operator()(const CreateThin& op) const { metadata.create_thin(op.id); }
    void operator()(const CreateSnapshot& op) const { metadata.create_snapshot(op.id, op.origin); }
    void operator()(const DeleteDevice& op) const { metadata.delete_device(op.id); }
};

class EmbeddedPool final : public ThinPool {
public:
    EmbeddedPool(BlockDevice& metadata,
                 BlockDevice& data,
                 std::uint64_t chunk_size,
                 const EngineOptions& options)
        : metadata_(metadata)
        , options_(options)
        , backing_(data, chunk_size)
        , store_(metadata, backing_, options)
        , flushes_([this](bool commit) { flush(commit); }) {}
    EmbeddedPool(const EmbeddedPool&) = delete;
    EmbeddedPool& operator=(const EmbeddedPool&) = delete;
    ~EmbeddedPool() override;

    PoolStatus status() override;
    [[nodiscard]] std::uint64_t chunk_size() const override { return backing_.chunk_size(); }
    void
    apply(std::span<const PoolOperation> operations, TransactionId from, TransactionId to) override;
    std::unique_ptr<BlockDevice> open_device(DeviceId id, const OpenDevice& how) override;
    std::unique_ptr<ReadView> read_view() override { return store_.view(); }
    void grow_data(std::uint64_t bytes) override;
    void grow_metadata(std::uint64_t bytes) override;
    void commit() override;

private:
    using States = std::map<DeviceId, std::shared_ptr<DeviceState>>;

    void flush(bool commit);
    void close(DeviceId id);
    void require_closed(std::span<const PoolOperation> operations) TS_REQUIRES(devices_mutex_);
    /// \param blocks  metadata that the new devices take themselves
    void require_reserve(std::uint64_t blocks);
    [[nodiscard]] std::vector<std::shared_ptr<DeviceState>>
    open_origins(std::span<const PoolOperation> operations) TS_REQUIRES(devices_mutex_);

    BlockDevice& metadata_;
    const EngineOptions options_;
    BackingStore backing_;
    MetadataStore store_;
    FlushGroup flushes_;
    Mutex devices_mutex_; ///< held through apply(): no device opens or closes while devices change
    States devices_ TS_GUARDED_BY(devices_mutex_);
};

EmbeddedPool::~EmbeddedPool() {
    try {
        store_.give_back_freed(); // committed already; only the host does not know yet
    } catch (...) { // NOLINT(bugprone-empty-catch) the host keeps the space; nothing is lost
    }
}

PoolStatus EmbeddedPool::status() {
    PoolStatus status;
    status.driver = "embedded";
    status.mode = store_.mode();
    status.reason = store_.reason();
    status.chunk_size = chunk_size();
    store_.ask([&](const thin::PoolMetadata& metadata) {
        const auto& superblock = metadata.superblock();
        status.uuid = to_string(superblock.uuid);
        status.needs_check = superblock.needs_check();
        status.transaction_id = metadata.transaction_id();
        if (superblock.held_root != MetaBlock{})
            status.held_root = superblock.held_root;
        status.data.used = metadata.data_map().nr_allocated();
        status.data.total = metadata.data_map().nr_chunks();
        status.metadata.used = metadata.metadata_map().nr_allocated();
        status.metadata.total = metadata.metadata_map().nr_blocks();
        status.metadata.reserve = metadata.metadata_reserve();
        if (status.mode != PoolMode::failed)
            status.devices = metadata.nr_devices();
    });
    status.data.low_water = options_.low_water_of(status.data.total);
    status.data.reserve = share_of(status.data.total, options_.reserve);
    status.metadata.low_water = options_.low_water_of(status.metadata.total);
    status.metadata.reserve =
        std::max(status.metadata.reserve, share_of(status.metadata.total, options_.reserve));
    return status;
}

void EmbeddedPool::require_closed(std::span<const PoolOperation> operations) {
    for (const PoolOperation& operation : operations) {
        const auto* remove = std::get_if<DeleteDevice>(&operation);
        if (remove != nullptr && devices_.contains(remove->id))
            throw Error(
                Errc::busy,
                fmt::format("thin device {} is open and cannot be deleted", remove->id.value()));
    }
}

void EmbeddedPool::require_reserve(std::uint64_t blocks) {
    const bool has_room = store_.make_metadata_room(blocks);
    store_.ask([&](const thin::PoolMetadata& metadata) {
        const auto& data = metadata.data_map();
        const std::uint64_t data_free = data.nr_chunks() - data.nr_allocated();
        const std::uint64_t data_reserve = share_of(data.nr_chunks(), options_.reserve);
        pool::require_data({.free = data_free, .total = data.nr_chunks(), .reserve = data_reserve});
        const auto& map = metadata.metadata_map();
        const std::uint64_t need = std::max(metadata.metadata_need(blocks),
                                            share_of(map.nr_blocks(), options_.reserve) + blocks);
        const std::uint64_t free = map.nr_blocks() - map.nr_allocated();
        if (!has_room || free < need)
            pool::refuse_metadata({.free = free, .total = map.nr_blocks(), .reserve = need});
    });
}

std::vector<std::shared_ptr<DeviceState>>
EmbeddedPool::open_origins(std::span<const PoolOperation> operations) {
    std::vector<std::shared_ptr<DeviceState>> origins;
    for (const PoolOperation& operation : operations) {
        const auto* snapshot = std::get_if<CreateSnapshot>(&operation);
        if (snapshot == nullptr)
            continue;
        const auto found = devices_.find(snapshot->origin);
        if (found != devices_.end())
            origins.push_back(found->second);
    }
    std::ranges::sort(origins, {}, [](const auto& state) { return state->id; });
    origins.erase(std::unique(origins.begin(), origins.end()), origins.end());
    return origins;
}

void EmbeddedPool::apply(std::span<const PoolOperation> operations,
                         TransactionId from,
                         TransactionId to) {
    const bool makes_devices = pool::makes_devices(operations);
    const auto snapshots = pool::count_of<CreateSnapshot>(operations);
    {
        const MutexLock lock(devices_mutex_);
        require_closed(operations);
        if (makes_devices)
            require_reserve(pool::metadata_blocks_for(operations));
        // An origin that is open comes to rest: no write is under way when its mappings are shared.
        const auto origins = open_origins(operations);
        std::list<RangeLock::Guard> at_rest;
        for (const auto& origin : origins)
            at_rest.emplace_back(origin->ranges, 0, ~std::uint64_t{0}, RangeLock::Mode::exclusive);
        store_.change_and_commit(!makes_devices, [&](thin::PoolMetadata& metadata) {
            // All that can refuse comes before the first change: the batch is whole or not at all.
            metadata.require_transaction_id(from);
            pool::validate_batch(operations,
                                 [&](DeviceId id) { return metadata.find_device(id).has_value(); });
            metadata.require_snapshots(snapshots);
            thin::PoolMetadata::Batch batch(metadata);
            for (const PoolOperation& operation : operations)
                std::visit(Apply{metadata}, operation);
            metadata.set_transaction_id(to);
            batch.done();
            for (const auto& origin : origins)
                origin->snapshotted_time = metadata.snapshotted_time(origin->id);
        });
    }
    store_.give_back_freed();
}

std::unique_ptr<BlockDevice> EmbeddedPool::open_device(DeviceId id, const OpenDevice& how) {
    const MutexLock lock(devices_mutex_);
    auto found = devices_.find(id);
    if (found == devices_.end()) {
        std::uint32_t time = 0;
        store_.ask(
            [&](const thin::PoolMetadata& metadata) { time = metadata.snapshotted_time(id); });
        auto state = std::make_shared<DeviceState>(id, store_.mappings().new_instance(), time);
        // An earlier handle may have changed mappings that are not committed: the first flush
        // commits.
        state->changed_in = store_.transaction();
        found = devices_.emplace(id, std::move(state)).first;
    }
    ++found->second->handles;
    return std::make_unique<ThinDevice>(ThinDevice::Parts{store_,
                                                          backing_,
                                                          [this](bool commit) {
                                                              flushes_.run(commit);
                                                              // A part only: a flush must not wait
                                                              // for all that a delete freed.
                                                              static_cast<void>(
                                                                  store_.give_back_some());
                                                          },
                                                          options_.no_space_wait},
                                        found->second,
                                        how,
                                        [this, id] { close(id); });
}

void EmbeddedPool::close(DeviceId id) {
    const MutexLock lock(devices_mutex_);
    const auto found = devices_.find(id);
    if (--found->second->handles == 0)
        devices_.erase(found);
}

void EmbeddedPool::grow_data(std::uint64_t bytes) {
    if (bytes > backing_.device().size())
        throw Error(Errc::invalid_argument,
                    fmt::format("the data device has {} bytes, the pool cannot use {}",
                                backing_.device().size(),
                                bytes));
    static_cast<void>(store_.make_metadata_room(bytes / chunk_size() / pdata::kEntriesPerBitmap));
    store_.change_and_commit(
        true, [&](thin::PoolMetadata& metadata) { metadata.extend_data(bytes / chunk_size()); });
    store_.space_added();
}

void EmbeddedPool::grow_metadata(std::uint64_t bytes) {
    if (bytes > metadata_.size())
        throw Error(Errc::invalid_argument,
                    fmt::format("the metadata device has {} bytes, the pool cannot use {}",
                                metadata_.size(),
                                bytes));
    store_.change_and_commit(true, [&](thin::PoolMetadata& metadata) {
        metadata.extend_metadata(bytes / pdata::kBlockSize);
    });
}

void EmbeddedPool::commit() {
    flushes_.run(true);
    store_.give_back_freed();
}

void EmbeddedPool::flush(bool commit) {
    if (options_.read_only)
        return;
    if (commit) {
        store_.commit();
        return;
    }
    store_.require_nothing_dropped();
    try {
        backing_.flush();
    } catch (const std::exception& error) {
        store_.fail(fmt::format("a flush of the data device failed: {}", error.what()));
        throw;
    }
}

} // namespace

std::unique_ptr<ThinPool>
open_embedded_pool(BlockDevice& metadata, BlockDevice& data, const EngineOptions& options) {
    const thin::Superblock superblock = thin::read_superblock(metadata);
    const std::uint64_t chunks = data.size() / superblock.chunk_size();
    if (chunks < superblock.data_space_map.nr_blocks)
        throw Error(Errc::invalid_argument,
                    fmt::format("the data device has {} bytes, the pool's {} chunks of {} bytes "
                                "need {}",
                                data.size(),
                                superblock.data_space_map.nr_blocks,
                                superblock.chunk_size(),
                                superblock.data_space_map.nr_blocks * superblock.chunk_size()));
    return std::make_unique<EmbeddedPool>(metadata, data, superblock.chunk_size(), options);
}

} // namespace thinsnap::engine
