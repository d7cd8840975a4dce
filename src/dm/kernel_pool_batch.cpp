// What KernelPool does with a batch.

#include <cerrno>
#include <memory>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "dm/kernel_pool.hpp"
#include "pool/batch.hpp"
#include "pool/reserve.hpp"

namespace thinsnap::dm {

namespace {

std::unique_ptr<SuspendGuard> bring_to_rest(Control& control, const std::string& name) {
    try {
        return std::make_unique<SuspendGuard>(control, name, Suspend::flush);
    } catch (const SystemError& error) {
        if (error.error() != EBUSY) // a file system on it is frozen already
            throw;
        return std::make_unique<SuspendGuard>(control, name, Suspend::no_freeze);
    }
}

} // namespace

void KernelPool::apply(std::span<const PoolOperation> operations,
                       TransactionId from,
                       TransactionId to) {
    const MutexLock lock(devices_mutex_);
    const KernelStatus before = ask(StatusFlush::no);
    require_writable(before);
    require_closed(operations);
    if (pool::makes_devices(operations))
        require_reserve(operations, before);
    if (before.transaction_id != from)
        throw Error(Errc::precondition,
                    fmt::format("the pool's transaction id is {}, {} was expected",
                                before.transaction_id.value(),
                                from.value()));
    const auto* const ids = &ids_; // a lambda is not known to be called with the lock held
    pool::validate_batch(operations, [&](DeviceId id) { return ids->contains(id); });
    change(operations);
    send(fmt::format("set_transaction_id {} {}", from.value(), to.value()));
}

/// All that can be undone comes first.
void KernelPool::change(std::span<const PoolOperation> operations) {
    std::vector<DeviceId> made;
    std::vector<DeviceId> deleted;
    try {
        for (const PoolOperation& operation : operations)
            if (!std::holds_alternative<DeleteDevice>(operation)) {
                create(operation);
                made.push_back(std::visit([](const auto& op) { return op.id; }, operation));
            }
        for (const PoolOperation& operation : operations)
            if (const auto* remove = std::get_if<DeleteDevice>(&operation)) {
                destroy(remove->id);
                deleted.push_back(remove->id);
            }
    } catch (Error& failure) {
        if (!deleted.empty()) {
            failure.add_context(fmt::format("{} of the batch's devices are deleted already, the "
                                            "rest is not done",
                                            deleted.size()));
            throw;
        }
        try {
            undo(made);
        } catch (const Error& error) {
            failure.add_context(
                fmt::format("a batch is done in part and cannot be undone ({})", error.what()));
        }
        throw;
    }
}

void KernelPool::undo(const std::vector<DeviceId>& made) {
    for (auto id = made.rbegin(); id != made.rend(); ++id) {
        send(fmt::format("delete {}", id->value()));
        ids_.erase(*id);
    }
}

void KernelPool::require_closed(std::span<const PoolOperation> operations) {
    for (const PoolOperation& operation : operations) {
        const auto* remove = std::get_if<DeleteDevice>(&operation);
        if (remove == nullptr)
            continue;
        if (open_.is_open(remove->id) || parts_.control.find(parts_.names.active(remove->id)))
            throw Error(
                Errc::busy,
                fmt::format("thin device {} is open and cannot be deleted", remove->id.value()));
    }
}

void KernelPool::require_reserve(std::span<const PoolOperation> operations,
                                 const KernelStatus& status) const {
    pool::require_data({.free = status.total_data - status.used_data,
                        .total = status.total_data,
                        .reserve = pool::share_of(status.total_data, options_.reserve)});
    const std::uint64_t kept = status.kept_metadata();
    const pool::Need need{
        .free = status.total_metadata - status.used_metadata + kept,
        .total = status.total_metadata,
        .reserve = std::max(kept, pool::share_of(status.total_metadata, options_.reserve)) +
                   pool::metadata_blocks_for(operations)};
    if (need.free <= need.reserve)
        pool::refuse_metadata(need);
}

std::vector<std::string> KernelPool::running(DeviceId id) {
    std::vector<std::string> running;
    for (const std::string& name : {parts_.names.active(id), parts_.names.internal(id)}) {
        const auto device = parts_.control.find(name);
        if (device && !device->suspended)
            running.push_back(name);
    }
    return running;
}

void KernelPool::create(const PoolOperation& operation) {
    if (const auto* thin = std::get_if<CreateThin>(&operation)) {
        send(fmt::format("create_thin {}", thin->id.value()));
        ids_.insert(thin->id);
        return;
    }
    const auto& snapshot = std::get<CreateSnapshot>(operation);
    // No write may be under way when mappings become shared.
    std::vector<std::unique_ptr<SuspendGuard>> at_rest;
    for (const std::string& name : running(snapshot.origin))
        at_rest.push_back(bring_to_rest(parts_.control, name));
    send(fmt::format("create_snap {} {}", snapshot.id.value(), snapshot.origin.value()));
    ids_.insert(snapshot.id);
    for (const auto& origin : at_rest)
        origin->resume();
}

/// The kernel gives nothing back to the data device when it deletes, only when it discards.
void KernelPool::destroy(DeviceId id) {
    try {
        const auto thin = open_.acquire(id);
        open_.unmap(*thin, 0, InternalDevices::kSize);
    } catch (const Error&) { // NOLINT(bugprone-empty-catch) the space stays with the host's file
    }
    if (open_.is_open(id))
        open_.release(id);
    send(fmt::format("delete {}", id.value()));
    ids_.erase(id);
}

} // namespace thinsnap::dm
