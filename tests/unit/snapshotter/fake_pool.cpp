#include "unit/snapshotter/fake_pool.hpp"

#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

namespace {

class FakeView final : public ReadView {
public:
    FakeView(std::set<DeviceId> devices, TransactionId transaction)
        : devices_(std::move(devices))
        , transaction_(transaction) {}

    TransactionId transaction_id() override { return transaction_; }
    void for_each_device(const std::function<void(const DeviceInfo&)>& visit) override {
        for (const DeviceId id : devices_)
            visit({.id = id, .transaction_id = transaction_});
    }
    std::optional<DeviceInfo> find_device(DeviceId id) override {
        if (!devices_.contains(id))
            return std::nullopt;
        return DeviceInfo{.id = id, .transaction_id = transaction_};
    }
    void for_each_mapping(DeviceId,
                          VirtualChunk,
                          const std::function<bool(const MappedRun&)>&) override {}
    DeviceUsage usage(DeviceId) override { return {}; }
    void diff(DeviceId, DeviceId, const std::function<void(const DiffRun&)>&) override {}

private:
    std::set<DeviceId> devices_;
    TransactionId transaction_;
};

} // namespace

PoolStatus FakePool::status() {
    const MutexLock lock(mutex_);
    PoolStatus status;
    status.driver = "fake";
    status.uuid = uuid_;
    status.mode = mode_;
    status.transaction_id = transaction_;
    status.data = {.used = mode_ == PoolMode::out_of_data_space ? 100U : 1U, .total = 100};
    status.metadata = {.used = 1, .total = 100};
    status.devices = devices_.size();
    return status;
}

void FakePool::require(std::span<const PoolOperation> operations, TransactionId from) {
    if (from != transaction_)
        throw Error(Errc::precondition,
                    fmt::format("the pool is at {}, not {}", transaction_.value(), from.value()));
    std::set<DeviceId> there = devices_;
    for (const PoolOperation& operation : operations) {
        if (const auto* remove = std::get_if<DeleteDevice>(&operation)) {
            if (in_use_.contains(remove->id))
                throw Error(Errc::busy, fmt::format("{} is open", remove->id.value()));
            if (there.erase(remove->id) == 0)
                throw Error(Errc::not_found, fmt::format("no {}", remove->id.value()));
            continue;
        }
        const auto* snapshot = std::get_if<CreateSnapshot>(&operation);
        if (snapshot != nullptr && !there.contains(snapshot->origin))
            throw Error(Errc::not_found, fmt::format("no {}", snapshot->origin.value()));
        const DeviceId made =
            snapshot != nullptr ? snapshot->id : std::get<CreateThin>(operation).id;
        if (!there.insert(made).second)
            throw Error(Errc::already_exists, fmt::format("{} exists", made.value()));
    }
}

void FakePool::apply(std::span<const PoolOperation> operations,
                     TransactionId from,
                     TransactionId to) {
    std::function<void(const std::string&)> hook;
    {
        const MutexLock lock(mutex_);
        hook = hook_;
    }
    if (hook)
        hook("apply");
    const MutexLock lock(mutex_);
    const Next next = std::exchange(next_, Next::normal);
    if (next == Next::refuse)
        throw Error(refusal_, "the fake pool was told to refuse");
    if (mode_ == PoolMode::read_only)
        throw Error(Errc::read_only, "the fake pool is read-only");
    if (next == Next::fail_undone) {
        mode_ = PoolMode::read_only;
        throw Error(Errc::io, "the fake pool failed");
    }
    require(operations, from);
    for (const PoolOperation& operation : operations) {
        if (const auto* create = std::get_if<CreateThin>(&operation))
            devices_.insert(create->id);
        else if (const auto* snapshot = std::get_if<CreateSnapshot>(&operation))
            devices_.insert(snapshot->id);
        else
            devices_.erase(std::get<DeleteDevice>(operation).id);
    }
    transaction_ = to;
    if (to != from)
        batches_.emplace_back(operations.begin(), operations.end());
    if (next == Next::fail_done)
        mode_ = PoolMode::read_only;
    if (next != Next::normal)
        throw Error(Errc::io, "the fake pool failed after it was done");
}

std::unique_ptr<BlockDevice> FakePool::open_device(DeviceId, const OpenDevice&) {
    throw Error(Errc::unsupported, "the fake pool has no content");
}

std::unique_ptr<ReadView> FakePool::read_view() {
    const MutexLock lock(mutex_);
    return std::make_unique<FakeView>(devices_, transaction_);
}

void FakePool::commit() {
    std::function<void(const std::string&)> hook;
    {
        const MutexLock lock(mutex_);
        hook = hook_;
    }
    if (hook)
        hook("commit");
}

void FakePool::on_call(std::function<void(const std::string&)> hook) {
    const MutexLock lock(mutex_);
    hook_ = std::move(hook);
}

void FakePool::refuse(Errc kind) {
    const MutexLock lock(mutex_);
    next_ = Next::refuse;
    refusal_ = kind;
}

void FakePool::lose_answer() {
    const MutexLock lock(mutex_);
    next_ = Next::lose_answer;
}

void FakePool::fail(bool done) {
    const MutexLock lock(mutex_);
    next_ = done ? Next::fail_done : Next::fail_undone;
}

void FakePool::use(DeviceId id) {
    const MutexLock lock(mutex_);
    in_use_.insert(id);
}

void FakePool::release(DeviceId id) {
    const MutexLock lock(mutex_);
    in_use_.erase(id);
}

void FakePool::set_mode(PoolMode mode) {
    const MutexLock lock(mutex_);
    mode_ = mode;
}

void FakePool::set_uuid(std::string uuid) {
    const MutexLock lock(mutex_);
    uuid_ = std::move(uuid);
}

void FakePool::add_device(DeviceId id) {
    const MutexLock lock(mutex_);
    devices_.insert(id);
}

void FakePool::remove_device(DeviceId id) {
    const MutexLock lock(mutex_);
    devices_.erase(id);
}

void FakePool::set_transaction(std::uint64_t id) {
    const MutexLock lock(mutex_);
    transaction_ = TransactionId(id);
}

std::set<DeviceId> FakePool::devices() const {
    const MutexLock lock(mutex_);
    return devices_;
}

std::uint64_t FakePool::transaction() const {
    const MutexLock lock(mutex_);
    return transaction_.value();
}

std::vector<std::vector<PoolOperation>> FakePool::batches() const {
    const MutexLock lock(mutex_);
    return batches_;
}

} // namespace thinsnap::test
