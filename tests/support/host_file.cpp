#include "support/host_file.hpp"

#include <cerrno>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

bool HostDisk::take(std::uint64_t bytes) {
    const MutexLock lock(mutex_);
    if (bytes > free_)
        return false;
    free_ -= bytes;
    return true;
}

void HostDisk::give(std::uint64_t bytes) {
    const MutexLock lock(mutex_);
    free_ += bytes;
}

std::uint64_t HostDisk::free_bytes() const {
    const MutexLock lock(mutex_);
    return free_;
}

void HostFile::take(std::uint64_t offset, std::uint64_t length, const char* action) {
    const MutexLock lock(mutex_);
    if (length == 0)
        return;
    for (std::uint64_t unit = offset / kUnit; unit <= (offset + length - 1) / kUnit; ++unit) {
        if (units_.contains(unit))
            continue;
        if (!disk_.take(kUnit)) // what was taken before stays, as fallocate(2) leaves it
            throw SystemError(ENOSPC, fmt::format("{} the host file at {}", action, unit * kUnit));
        units_.insert(unit);
    }
}

void HostFile::read(std::uint64_t offset, std::span<std::byte> into) {
    inner_.read(offset, into);
}

void HostFile::write(std::uint64_t offset, std::span<const std::byte> from) {
    take(offset, from.size(), "writing");
    inner_.write(offset, from);
}

void HostFile::flush() {
    inner_.flush();
}

void HostFile::discard(std::uint64_t offset, std::uint64_t length) {
    inner_.discard(offset, length);
    const MutexLock lock(mutex_);
    const std::uint64_t end = (offset + length) / kUnit;
    for (std::uint64_t unit = (offset + kUnit - 1) / kUnit; unit < end; ++unit)
        if (units_.erase(unit) > 0)
            disk_.give(kUnit);
}

void HostFile::allocate(std::uint64_t offset, std::uint64_t length) {
    take(offset, length, "allocating");
    inner_.allocate(offset, length);
}

void HostFile::write_zeros(std::uint64_t offset, std::uint64_t length) {
    take(offset, length, "zeroing");
    inner_.write_zeros(offset, length);
}

std::uint64_t HostFile::allocated_bytes() const {
    const MutexLock lock(mutex_);
    return units_.size() * kUnit;
}

} // namespace thinsnap::test
