#include "ext4/device_io.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::size_t kRunBlocks = 256; // 1 MiB in one call
constexpr std::size_t kMaxSpare = 256;

} // namespace

DeviceIo::DeviceIo(BlockDevice& device, const DeviceIoOptions& options)
    : device_(device)
    , options_(options) {}

void DeviceIo::check_range(std::uint64_t block, std::size_t bytes) const {
    TS_ASSERT(bytes % kBlockSize == 0);
    const std::uint64_t count = bytes / kBlockSize;
    if (block > nr_blocks() || count > nr_blocks() - block)
        throw Error(Errc::corrupt,
                    fmt::format("file system block {}, {} blocks: the device has {} blocks",
                                block,
                                count,
                                nr_blocks()));
}

std::span<std::byte> DeviceIo::find(std::uint64_t block) {
    if (const auto dirty = dirty_.find(block); dirty != dirty_.end())
        return dirty->second.bytes();
    const auto clean = index_.find(block);
    if (clean == index_.end())
        return {};
    clean_.splice(clean_.begin(), clean_, clean->second);
    return clean->second->memory.bytes();
}

AlignedBuffer DeviceIo::make_buffer(std::span<const std::byte> content) {
    AlignedBuffer buffer;
    if (spare_.empty()) {
        buffer = AlignedBuffer(kBlockSize);
    } else {
        buffer = std::move(spare_.back());
        spare_.pop_back();
    }
    std::memcpy(buffer.bytes().data(), content.data(), kBlockSize);
    return buffer;
}

void DeviceIo::insert_clean(std::uint64_t block, AlignedBuffer memory) {
    clean_.push_front({block, std::move(memory)});
    index_[block] = clean_.begin();
    if (clean_.size() <= options_.clean_blocks)
        return;
    index_.erase(clean_.back().block);
    if (spare_.size() < kMaxSpare)
        spare_.push_back(std::move(clean_.back().memory));
    clean_.pop_back();
}

AlignedBuffer DeviceIo::take_clean(std::uint64_t block) {
    const auto found = index_.find(block);
    if (found == index_.end())
        return {};
    AlignedBuffer memory = std::move(found->second->memory);
    clean_.erase(found->second);
    index_.erase(found);
    return memory;
}

void DeviceIo::read_blocks(std::uint64_t block, std::span<std::byte> into, Keep keep) {
    check_range(block, into.size());
    const std::size_t count = into.size() / kBlockSize;
    std::size_t at = 0;
    while (at < count) {
        if (const auto cached = find(block + at); !cached.empty()) {
            std::ranges::copy(cached, into.subspan(at * kBlockSize).begin());
            ++at;
            continue;
        }
        std::size_t end = at + 1;
        while (end < count && !dirty_.contains(block + end) && !index_.contains(block + end))
            ++end;
        const auto run = into.subspan(at * kBlockSize, (end - at) * kBlockSize);
        device_.read((block + at) * kBlockSize, run);
        for (std::size_t i = at; keep == Keep::yes && i < end; ++i)
            insert_clean(block + i, make_buffer(into.subspan(i * kBlockSize, kBlockSize)));
        at = end;
    }
}

void DeviceIo::read(std::uint64_t block, std::span<std::byte> into) {
    read_blocks(block, into, Keep::yes);
}

void DeviceIo::read_content(std::uint64_t block, std::span<std::byte> into) {
    read_blocks(block, into, Keep::no);
}

std::span<const std::byte> DeviceIo::view(std::uint64_t block) {
    check_range(block, kBlockSize);
    if (const auto cached = find(block); !cached.empty())
        return cached;
    AlignedBuffer memory(kBlockSize);
    device_.read(block * kBlockSize, memory.bytes());
    insert_clean(block, std::move(memory));
    return clean_.front().memory.bytes();
}

void DeviceIo::put(std::uint64_t block, std::span<const std::byte> content) {
    if (const auto dirty = dirty_.find(block); dirty != dirty_.end()) {
        std::memcpy(dirty->second.bytes().data(), content.data(), kBlockSize);
        return;
    }
    if (const auto clean = index_.find(block);
        clean != index_.end() && std::ranges::equal(clean->second->memory.bytes(), content))
        return;
    AlignedBuffer memory = take_clean(block);
    if (memory.size() == 0)
        memory = make_buffer(content);
    else
        std::memcpy(memory.bytes().data(), content.data(), kBlockSize);
    dirty_.emplace(block, std::move(memory));
}

void DeviceIo::limit_dirty() {
    if (!options_.read_only && dirty_.size() > options_.dirty_blocks)
        write_back();
}

void DeviceIo::write(std::uint64_t block, std::span<const std::byte> from) {
    check_range(block, from.size());
    limit_dirty();
    for (std::size_t at = 0; at < from.size(); at += kBlockSize)
        put(block + at / kBlockSize, from.subspan(at, kBlockSize));
}

std::span<std::byte> DeviceIo::edit(std::uint64_t block) {
    limit_dirty();
    if (const auto dirty = dirty_.find(block); dirty != dirty_.end())
        return dirty->second.bytes();
    (void)view(block);
    return dirty_.emplace(block, take_clean(block)).first->second.bytes();
}

void DeviceIo::write_content(std::uint64_t block, std::span<const std::byte> from) {
    check_range(block, from.size());
    if (options_.read_only)
        throw Error(Errc::precondition, "writing to a file system that is opened read-only");
    device_.write(block * kBlockSize, from);
    forget(block, from.size() / kBlockSize);
}

void DeviceIo::forget(std::uint64_t block, std::uint64_t count) {
    if (count < index_.size()) {
        for (std::uint64_t i = 0; i < count; ++i)
            (void)take_clean(block + i);
    } else {
        std::erase_if(index_, [&](const auto& entry) {
            const bool gone = entry.first >= block && entry.first - block < count;
            if (gone)
                clean_.erase(entry.second);
            return gone;
        });
    }
    dirty_.erase(dirty_.lower_bound(block), dirty_.lower_bound(block + count));
}

void DeviceIo::write_back() {
    if (options_.read_only)
        throw Error(Errc::precondition, "writing to a file system that is opened read-only");
    std::vector<std::span<const std::byte>> pieces;
    while (!dirty_.empty()) {
        const std::uint64_t first = dirty_.begin()->first;
        pieces.clear();
        for (const auto& [block, memory] : dirty_) {
            if (block != first + pieces.size() || pieces.size() == kRunBlocks)
                break;
            pieces.push_back(memory.bytes());
        }
        device_.write_gather(first * kBlockSize, pieces);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            auto done = dirty_.extract(dirty_.begin());
            insert_clean(done.key(), std::move(done.mapped()));
        }
    }
}

void DeviceIo::read_bytes(std::uint64_t offset, std::span<std::byte> into) {
    if (offset % kBlockSize == 0 && into.size() % kBlockSize == 0)
        return read(offset / kBlockSize, into);
    while (!into.empty()) {
        const std::size_t within = offset % kBlockSize;
        const std::size_t n = std::min<std::size_t>(kBlockSize - within, into.size());
        std::ranges::copy(view(offset / kBlockSize).subspan(within, n), into.begin());
        into = into.subspan(n);
        offset += n;
    }
}

void DeviceIo::write_bytes(std::uint64_t offset, std::span<const std::byte> from) {
    if (offset % kBlockSize == 0 && from.size() % kBlockSize == 0)
        return write(offset / kBlockSize, from);
    while (!from.empty()) {
        const std::size_t within = offset % kBlockSize;
        const std::size_t n = std::min<std::size_t>(kBlockSize - within, from.size());
        const auto old = view(offset / kBlockSize).subspan(within, n);
        if (!std::ranges::equal(old, from.first(n)))
            std::ranges::copy(from.first(n), edit(offset / kBlockSize).subspan(within).begin());
        from = from.subspan(n);
        offset += n;
    }
}

void DeviceIo::rethrow_failure() {
    if (failure_)
        std::rethrow_exception(std::exchange(failure_, nullptr));
}

} // namespace thinsnap::ext4
