#include "io/memory_device.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::io {

MemoryDevice::MemoryDevice(std::uint64_t size)
    : content_(size) {}

MemoryDevice::MemoryDevice(std::vector<std::byte> content)
    : content_(std::move(content)) {}

std::uint64_t MemoryDevice::size() const {
    const MutexLock lock(mutex_);
    return content_.size();
}

std::span<std::byte> MemoryDevice::range(std::uint64_t offset, std::uint64_t length) {
    if (offset > content_.size() || length > content_.size() - offset)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} bytes at offset {} end behind the memory device's {} bytes",
                                length,
                                offset,
                                content_.size()));
    return std::span(content_).subspan(offset, length);
}

void MemoryDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    const MutexLock lock(mutex_);
    std::ranges::copy(range(offset, into.size()), into.begin());
}

void MemoryDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    const MutexLock lock(mutex_);
    std::ranges::copy(from, range(offset, from.size()).begin());
}

void MemoryDevice::discard(std::uint64_t offset, std::uint64_t length) {
    write_zeros(offset, length);
}

void MemoryDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    const MutexLock lock(mutex_);
    std::ranges::fill(range(offset, length), std::byte{0});
}

void MemoryDevice::resize(std::uint64_t size) {
    const MutexLock lock(mutex_);
    content_.resize(size);
}

} // namespace thinsnap::io
