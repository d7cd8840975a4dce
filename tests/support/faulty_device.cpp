#include "support/faulty_device.hpp"

#include <numeric>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

namespace {

constexpr std::array<const char*, kDeviceOperations> kNames{
    "reading", "writing", "flushing", "discarding", "allocating", "zeroing"};

std::size_t index_of(DeviceOperation operation) {
    return static_cast<std::size_t>(operation);
}

bool concerns(const Fault& fault, DeviceOperation operation, std::uint64_t offset) {
    if (fault.operation ? *fault.operation != operation : operation == DeviceOperation::read)
        return false;
    return operation == DeviceOperation::flush || (offset >= fault.from && offset < fault.to);
}

void fail_if(int error, DeviceOperation operation, std::uint64_t offset) {
    if (error != 0)
        throw SystemError(
            error,
            fmt::format("{} the faulty device at {}", kNames.at(index_of(operation)), offset));
}

} // namespace

int FaultyDevice::next(DeviceOperation operation, std::uint64_t offset) {
    const MutexLock lock(mutex_);
    ++counts_.at(index_of(operation));
    if (!fault_ || !concerns(*fault_, operation, offset))
        return 0;
    ++matched_;
    if (matched_ != fault_->at && !(fault_->for_ever && matched_ > fault_->at))
        return 0;
    ++failures_;
    return fault_->error;
}

void FaultyDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    fail_if(next(DeviceOperation::read, offset), DeviceOperation::read, offset);
    inner_.read(offset, into);
}

void FaultyDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    const int error = next(DeviceOperation::write, offset);
    const bool half = [&] {
        const MutexLock lock(mutex_);
        return error != 0 && fault_ && fault_->half_done;
    }();
    if (half)
        inner_.write(offset, from.first(from.size() / 2));
    fail_if(error, DeviceOperation::write, offset);
    inner_.write(offset, from);
}

void FaultyDevice::flush() {
    fail_if(next(DeviceOperation::flush, 0), DeviceOperation::flush, 0);
    inner_.flush();
}

void FaultyDevice::discard(std::uint64_t offset, std::uint64_t length) {
    fail_if(next(DeviceOperation::discard, offset), DeviceOperation::discard, offset);
    inner_.discard(offset, length);
}

void FaultyDevice::allocate(std::uint64_t offset, std::uint64_t length) {
    fail_if(next(DeviceOperation::allocate, offset), DeviceOperation::allocate, offset);
    inner_.allocate(offset, length);
}

void FaultyDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    fail_if(next(DeviceOperation::write_zeros, offset), DeviceOperation::write_zeros, offset);
    inner_.write_zeros(offset, length);
}

void FaultyDevice::fail(const Fault& fault) {
    const MutexLock lock(mutex_);
    fault_ = fault;
    matched_ = 0;
}

void FaultyDevice::heal() {
    const MutexLock lock(mutex_);
    fault_.reset();
}

std::uint64_t FaultyDevice::count(DeviceOperation operation) const {
    const MutexLock lock(mutex_);
    return counts_.at(index_of(operation));
}

std::uint64_t FaultyDevice::changes() const {
    const MutexLock lock(mutex_);
    return std::accumulate(counts_.begin() + 1, counts_.end(), std::uint64_t{0});
}

std::uint64_t FaultyDevice::failures() const {
    const MutexLock lock(mutex_);
    return failures_;
}

} // namespace thinsnap::test
