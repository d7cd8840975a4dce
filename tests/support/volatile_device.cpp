#include "support/volatile_device.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

using Unflushed = VolatileDevice::Unflushed;

void perform(const Unflushed& operation, SparseBytes& on) {
    switch (operation.kind) {
    case Unflushed::Kind::write:
        on.write(operation.offset, *operation.bytes);
        break;
    case Unflushed::Kind::zeros:
        on.write_zeros(operation.offset, operation.length);
        break;
    case Unflushed::Kind::discard:
        on.forget(operation.offset, operation.length);
        break;
    }
}

} // namespace

void PowerSupply::cut_during(std::uint64_t n) {
    const MutexLock lock(mutex_);
    last_ = operations_ + n;
}

void PowerSupply::cut_now() {
    const MutexLock lock(mutex_);
    off_ = true;
}

void PowerSupply::restore() {
    const MutexLock lock(mutex_);
    off_ = false;
    last_ = UINT64_MAX;
}

PowerSupply::Operation PowerSupply::begin_operation() {
    const MutexLock lock(mutex_);
    if (off_)
        throw PowerCut{};
    ++operations_;
    off_ = operations_ == last_;
    return {operations_, off_};
}

void PowerSupply::require_power() const {
    const MutexLock lock(mutex_);
    if (off_)
        throw PowerCut{};
}

std::uint64_t PowerSupply::operations() const {
    const MutexLock lock(mutex_);
    return operations_;
}

bool PowerSupply::is_off() const {
    const MutexLock lock(mutex_);
    return off_;
}

VolatileDevice::VolatileDevice(PowerSupply& power, SparseBytes content)
    : power_(power)
    , current_(content)
    , durable_(std::move(content)) {}

std::uint64_t VolatileDevice::size() const {
    const MutexLock lock(mutex_);
    return current_.size();
}

void VolatileDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    power_.require_power();
    const MutexLock lock(mutex_);
    current_.read(offset, into);
}

void VolatileDevice::remember(Unflushed operation) {
    const PowerSupply::Operation now = power_.begin_operation();
    perform(operation, current_); // throws for a range behind the end
    operation.number = now.number;
    if (operation.kind != Unflushed::Kind::discard)
        last_write_ = operation.offset;
    unflushed_.push_back(std::move(operation));
    if (now.last)
        throw PowerCut{};
}

void VolatileDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    require_aligned(offset, from.size(), alignment());
    Unflushed operation;
    operation.offset = offset;
    operation.length = from.size();
    operation.bytes = std::make_shared<const std::vector<std::byte>>(from.begin(), from.end());
    const MutexLock lock(mutex_);
    remember(std::move(operation));
}

void VolatileDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    require_aligned(offset, length, alignment());
    const MutexLock lock(mutex_);
    remember({.kind = Unflushed::Kind::zeros, .offset = offset, .length = length, .bytes = {}});
}

void VolatileDevice::discard(std::uint64_t offset, std::uint64_t length) {
    const MutexLock lock(mutex_);
    remember({.kind = Unflushed::Kind::discard, .offset = offset, .length = length, .bytes = {}});
}

void VolatileDevice::allocate(std::uint64_t, std::uint64_t) {
    if (power_.begin_operation().last)
        throw PowerCut{};
}

bool VolatileDevice::is_broken() const {
    switch (broken_) {
    case BrokenBarrier::none:
        return false;
    case BrokenBarrier::every_flush:
        return true;
    case BrokenBarrier::before_superblock:
        return last_write_ != 0;
    case BrokenBarrier::after_superblock:
        return last_write_ == 0;
    }
    return false;
}

void VolatileDevice::make_durable(std::uint64_t number) {
    const auto end = std::ranges::find_if(
        unflushed_, [&](const Unflushed& operation) { return operation.number > number; });
    for (auto operation = unflushed_.begin(); operation != end; ++operation)
        perform(*operation, durable_);
    unflushed_.erase(unflushed_.begin(), end);
}

void VolatileDevice::flush() {
    std::uint64_t number = 0;
    std::chrono::microseconds time{0};
    {
        const MutexLock lock(mutex_);
        const PowerSupply::Operation now = power_.begin_operation();
        if (now.last)
            throw PowerCut{};
        if (is_broken())
            return;
        number = now.number;
        time = flush_time_;
        if (time.count() == 0)
            return make_durable(number);
    }
    std::this_thread::sleep_for(time);
    const MutexLock lock(mutex_);
    power_.require_power();
    make_durable(number);
}

void VolatileDevice::set_flush_time(std::chrono::microseconds time) {
    const MutexLock lock(mutex_);
    flush_time_ = time;
}

void VolatileDevice::resize(std::uint64_t size) {
    const MutexLock lock(mutex_);
    current_.resize(size);
    durable_.resize(size);
}

void VolatileDevice::break_barrier(BrokenBarrier barrier) {
    const MutexLock lock(mutex_);
    broken_ = barrier;
}

std::vector<VolatileDevice::Unflushed> VolatileDevice::unflushed() const {
    const MutexLock lock(mutex_);
    return unflushed_;
}

SparseBytes VolatileDevice::durable() const {
    const MutexLock lock(mutex_);
    return durable_;
}

} // namespace thinsnap::test
