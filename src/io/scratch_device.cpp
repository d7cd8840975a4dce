#include "io/scratch_device.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::io {

namespace {

/// The part of [offset, offset + length) that lies in the block of `offset`.
std::uint64_t part_in_block(std::uint64_t offset, std::uint64_t length, std::uint64_t block) {
    return std::min(length, block - offset % block);
}

} // namespace

ScratchDevice::ScratchDevice(std::span<const std::byte> content)
    : size_(content.size()) {
    write(0, content);
}

void ScratchDevice::require_inside(std::uint64_t offset, std::uint64_t length) const {
    if (offset > size_ || length > size_ - offset)
        throw Error(
            Errc::invalid_argument,
            fmt::format("{} bytes at {} end behind the device's {}", length, offset, size_));
}

void ScratchDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    require_inside(offset, into.size());
    const MutexLock lock(mutex_);
    while (!into.empty()) {
        const auto part = into.first(part_in_block(offset, into.size(), kBlock));
        const auto found = blocks_.find(offset / kBlock);
        if (found == blocks_.end())
            std::ranges::fill(part, std::byte{0});
        else
            std::copy_n(found->second.begin() + offset % kBlock, part.size(), part.begin());
        into = into.subspan(part.size());
        offset += part.size();
    }
}

void ScratchDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    require_inside(offset, from.size());
    const MutexLock lock(mutex_);
    while (!from.empty()) {
        const auto part = from.first(part_in_block(offset, from.size(), kBlock));
        std::ranges::copy(part, blocks_[offset / kBlock].begin() + offset % kBlock);
        from = from.subspan(part.size());
        offset += part.size();
    }
}

void ScratchDevice::discard(std::uint64_t offset, std::uint64_t length) {
    write_zeros(offset, length);
}

void ScratchDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    require_inside(offset, length);
    const MutexLock lock(mutex_);
    while (length > 0) {
        const std::uint64_t part = part_in_block(offset, length, kBlock);
        if (const auto found = blocks_.find(offset / kBlock); found != blocks_.end())
            std::fill_n(found->second.begin() + offset % kBlock, part, std::byte{0});
        length -= part;
        offset += part;
    }
}

} // namespace thinsnap::io
