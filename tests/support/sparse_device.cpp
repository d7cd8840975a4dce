#include "support/sparse_device.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

void require_aligned(std::uint64_t offset, std::uint64_t length, std::uint64_t alignment) {
    if (offset % alignment != 0 || length % alignment != 0)
        throw Error(
            Errc::invalid_argument,
            fmt::format("writing {} bytes at {}: not aligned to {}", length, offset, alignment));
}

std::uint64_t SparseDevice::size() const {
    const MutexLock lock(mutex_);
    return content_.size();
}

void SparseDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    const MutexLock lock(mutex_);
    content_.read(offset, into);
    read_ += into.size();
}

void SparseDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    require_aligned(offset, from.size(), alignment_);
    const MutexLock lock(mutex_);
    content_.write(offset, from);
    written_ += from.size();
}

void SparseDevice::flush() {
    const MutexLock lock(mutex_);
    ++flushes_;
}

void SparseDevice::discard(std::uint64_t offset, std::uint64_t length) {
    const MutexLock lock(mutex_);
    content_.forget(offset, length);
}

void SparseDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    require_aligned(offset, length, alignment_);
    const MutexLock lock(mutex_);
    content_.write_zeros(offset, length);
    written_ += length;
}

void SparseDevice::resize(std::uint64_t size) {
    const MutexLock lock(mutex_);
    content_.resize(size);
}

SparseBytes SparseDevice::content() const {
    const MutexLock lock(mutex_);
    return content_;
}

std::uint64_t SparseDevice::flushes() const {
    const MutexLock lock(mutex_);
    return flushes_;
}

std::uint64_t SparseDevice::bytes_written() const {
    const MutexLock lock(mutex_);
    return written_;
}

std::uint64_t SparseDevice::bytes_read() const {
    const MutexLock lock(mutex_);
    return read_;
}

} // namespace thinsnap::test
