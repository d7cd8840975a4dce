#include <algorithm>

#include <thinsnap/error.hpp>

#include "pdata/block_cache.hpp"

namespace thinsnap::pdata {

namespace {

constexpr std::uint64_t kMaxRun = 64; // blocks read in one call,
constexpr std::uint64_t kMaxGap = 4;  // with that many between that nobody asked for

} // namespace

void BlockCache::read_ahead(std::span<const MetaBlock> blocks, BlockKind kind) {
    const std::vector<MetaBlock> absent = absent_of(blocks);
    for (std::size_t begin = 0; begin < absent.size();) {
        std::size_t end = begin + 1;
        while (end < absent.size() &&
               absent[end].value() - absent[end - 1].value() <= kMaxGap + 1 &&
               absent[end].value() - absent[begin].value() < kMaxRun)
            ++end;
        load_run(std::span(absent).subspan(begin, end - begin), kind);
        begin = end;
    }
}

std::vector<MetaBlock> BlockCache::absent_of(std::span<const MetaBlock> blocks) const {
    std::vector<MetaBlock> absent;
    {
        const MutexLock lock(mutex_);
        for (const MetaBlock block : blocks)
            if (block.value() < nr_blocks() && !index_.contains(block))
                absent.push_back(block);
    }
    std::ranges::sort(absent);
    absent.erase(std::unique(absent.begin(), absent.end()), absent.end());
    // More would push out each other.
    absent.resize(std::min(absent.size(), capacity_ / 4));
    return absent;
}

void BlockCache::load_run(std::span<const MetaBlock> run, BlockKind kind) {
    if (run.size() < 2)
        return; // read() does the same
    const std::uint64_t first = run.front().value();
    AlignedBuffer buffer((run.back().value() - first + 1) * kBlockSize);
    try {
        device_.read(first * kBlockSize, buffer.bytes());
    } catch (const Error&) {
        return;
    }
    for (const MetaBlock where : run)
        keep(where, kind, buffer.bytes().subspan((where.value() - first) * kBlockSize, kBlockSize));
}

void BlockCache::keep(MetaBlock where, BlockKind kind, std::span<const std::byte> content) {
    try {
        validate(kind, where, ConstBlockBytes(content.data(), kBlockSize));
    } catch (const Error&) {
        return;
    }
    const MutexLock lock(mutex_);
    if (index_.contains(where))
        return; // another thread was faster
    Frame& frame = place_for(where, kind);
    std::ranges::copy(content, frame.memory.bytes().begin());
    frame.state = State::ready;
    frame.recent = true;
    frame.pins.store(0, std::memory_order_release);
}

} // namespace thinsnap::pdata
