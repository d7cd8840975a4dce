#include "dm/kernel_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "dm/thin_handle.hpp"
#include "pdata/block.hpp"
#include "pool/reserve.hpp"

namespace thinsnap::dm {

namespace {

/// The number of the kernel's pool, which runs when this returns.
dev_t start_pool(Control& control, const std::string& name) {
    const auto pool = control.find(name);
    if (!pool)
        throw Error(Errc::not_found, fmt::format("the mapped device {} is not there", name));
    if (pool->suspended)
        control.resume(name);
    return pool->device;
}

/// \param bytes, now  whole chunks or blocks
void require_size(PoolDevice& device, std::uint64_t bytes, std::uint64_t now, const char* what) {
    device.update_size();
    if (bytes > device.reader().size() || bytes < now)
        throw Error(Errc::invalid_argument,
                    fmt::format("the {} device has {} bytes, of which the pool uses {}; it cannot "
                                "use {}",
                                what,
                                device.reader().size(),
                                now,
                                bytes));
}

} // namespace

KernelPool::KernelPool(Parts parts, const KernelPoolOptions& options)
    : parts_(std::move(parts))
    , options_(options)
    , number_(start_pool(parts_.control, parts_.names.pool()))
    , snapshots_(parts_.control, parts_.names.pool(), parts_.metadata.reader())
    , open_({.control = parts_.control,
             .names = parts_.names,
             .number = number_,
             .chunk_size = parts_.chunk_size,
             .read_only = options_.read_only,
             .view = [this] { return read_view(); }}) {
    recover();
    std::set<DeviceId> ids;
    read_view()->for_each_device([&](const DeviceInfo& info) { ids.insert(info.id); });
    ids_ = std::move(ids);
}

KernelPool::~KernelPool() {
    try {
        static_cast<void>(take_down());
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch) it stays, and is found again
    }
}

/// What an earlier process left: it may have died anywhere.
void KernelPool::recover() {
    for (const std::string& name : parts_.control.list(parts_.names.pool() + '-')) {
        const auto device = parts_.control.find(name);
        if (device && device->suspended)
            parts_.control.resume(name);
        if (device && parts_.names.parse_internal(name))
            parts_.control.remove(name, Remove::now);
    }
    snapshots_.release_leftover();
}

bool KernelPool::take_down() {
    const MutexLock lock(devices_mutex_);
    const auto pool = parts_.control.find(parts_.names.pool());
    if (!pool || pool->open_count > 0)
        return !pool;
    const KernelStatus last = ask(options_.read_only ? StatusFlush::no : StatusFlush::yes);
    parts_.control.remove(parts_.names.pool(), Remove::now);
    if (!options_.read_only)
        require_committed("what was written", last);
    return true;
}

bool KernelPool::has_device(DeviceId id) {
    const MutexLock lock(devices_mutex_);
    return ids_.contains(id);
}

KernelStatus KernelPool::ask(StatusFlush flush) {
    return parse_pool_status(parts_.control.status(parts_.names.pool(), flush).parameters);
}

PoolStatus KernelPool::status() {
    const KernelStatus kernel = ask(StatusFlush::no);
    PoolStatus status;
    status.driver = "dm";
    status.uuid = parts_.names.uuid();
    status.mode = kernel.mode;
    status.reason = reason_of(kernel);
    if (options_.read_only && kernel.mode != PoolMode::failed) {
        status.mode = PoolMode::read_only;
        status.reason = "the pool was opened for reading only";
    }
    status.needs_check = kernel.needs_check;
    status.transaction_id = kernel.transaction_id;
    status.chunk_size = chunk_size();
    status.held_root = kernel.held_root;
    status.data.used = kernel.used_data;
    status.data.total = kernel.total_data;
    status.data.low_water = pool::share_of(kernel.total_data, options_.low_water);
    status.data.reserve = pool::share_of(kernel.total_data, options_.reserve);
    status.metadata.used =
        kernel.used_metadata - std::min(kernel.used_metadata, kernel.kept_metadata());
    status.metadata.total = kernel.total_metadata;
    status.metadata.low_water = pool::share_of(kernel.total_metadata, options_.low_water);
    status.metadata.reserve =
        std::max(kernel.kept_metadata(), pool::share_of(kernel.total_metadata, options_.reserve));
    const MutexLock lock(devices_mutex_);
    status.devices = ids_.size();
    return status;
}

void KernelPool::require_writable(const KernelStatus& status) const {
    if (options_.read_only)
        throw Error(Errc::read_only, "the pool was opened for reading only");
    if (status.mode > PoolMode::out_of_data_space)
        throw Error(Errc::read_only,
                    fmt::format("the pool takes no changes: {}", reason_of(status)));
}

void KernelPool::require_committed(const std::string& what, const KernelStatus& status) {
    if (status.mode > PoolMode::out_of_data_space)
        throw Error(
            Errc::io,
            fmt::format("the kernel's pool did not commit {}: {}", what, reason_of(status)));
}

void KernelPool::commit() {
    if (!options_.read_only)
        require_committed("what was written", ask(StatusFlush::yes));
}

std::unique_ptr<ReadView> KernelPool::read_view() {
    const bool changes = ask(StatusFlush::no).mode <= PoolMode::out_of_data_space;
    return changes ? snapshots_.open() : snapshots_.open_unchanging();
}

// --- devices that are open -------------------------------------------------------------------

std::unique_ptr<BlockDevice> KernelPool::open_device(DeviceId id, const OpenDevice& how) {
    const MutexLock lock(devices_mutex_);
    if (!ids_.contains(id))
        throw Error(Errc::not_found, fmt::format("thin device {} does not exist", id.value()));
    const auto thin = open_.acquire(id);
    OpenDevice as = how;
    as.read_only = how.read_only || options_.read_only;
    return std::make_unique<ThinHandle>(
        ThinHandle::Parts{
            .chunk_size = chunk_size(),
            .no_space_wait = options_.no_space_wait,
            .unmap = [this, thin](std::uint64_t begin,
                                  std::uint64_t end) { open_.unmap(*thin, begin, end); },
            .commit = [this] { commit(); },
            .explain = [this] { return explain(); },
            .closed =
                [this, id] {
                    const MutexLock closing(devices_mutex_);
                    try {
                        open_.release(id);
                    } catch (const Error&) { // NOLINT(bugprone-empty-catch) the next acquire()
                    }                        // takes it away
                }},
        thin,
        as);
}

std::optional<Error> KernelPool::explain() {
    const KernelStatus now = ask(StatusFlush::no);
    if (now.mode <= PoolMode::out_of_data_space)
        return std::nullopt;
    const bool no_space =
        now.mode == PoolMode::read_only && !now.needs_check && !now.has_metadata_space();
    return Error(no_space ? Errc::no_space : Errc::io, reason_of(now));
}

void KernelPool::send(const std::string& message) {
    parts_.control.message(parts_.names.pool(), message);
    require_committed(fmt::format("'{}'", message), ask(StatusFlush::no));
}

// --- size ------------------------------------------------------------------------------------

void KernelPool::grow_data(std::uint64_t bytes) {
    const KernelStatus before = ask(StatusFlush::no);
    require_writable(before);
    const std::uint64_t chunks = bytes / chunk_size();
    require_size(parts_.data, chunks * chunk_size(), before.total_data * chunk_size(), "data");
    reload(chunks);
}

void KernelPool::grow_metadata(std::uint64_t bytes) {
    const KernelStatus before = ask(StatusFlush::no);
    if (options_.read_only || before.needs_check || before.has_metadata_space())
        require_writable(before); // else growing is what makes it writable again
    require_size(parts_.metadata,
                 bytes / pdata::kBlockSize * pdata::kBlockSize,
                 before.total_metadata * pdata::kBlockSize,
                 "metadata");
    reload(before.total_data);
}

void KernelPool::reload(std::uint64_t chunks) {
    PoolTable table = parse_pool_target(parts_.control.table(parts_.names.pool()));
    table.bytes = chunks * chunk_size();
    table.low_water = pool::share_of(chunks, options_.low_water);
    // Without a flush: a full pool could not finish what waits within.
    replace_table(parts_.control,
                  parts_.names.pool(),
                  pool_target(table),
                  options_.read_only,
                  Suspend::no_flush);
    require_committed("its new size", ask(StatusFlush::yes));
}

} // namespace thinsnap::dm
