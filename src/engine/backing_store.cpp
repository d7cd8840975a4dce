#include "engine/backing_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"

namespace thinsnap::engine {

namespace {

constexpr std::uint64_t kWindow = 4U << 20U;
constexpr std::uint64_t kNoSpace = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kFillPiece = 1U << 20U; // most that fill() has in memory

std::span<std::byte> scratch(std::size_t size) {
    thread_local AlignedBuffer buffer;
    if (buffer.size() < size)
        buffer = AlignedBuffer(size);
    return buffer.bytes().first(size);
}

} // namespace

BackingStore::BackingStore(BlockDevice& data, std::uint64_t chunk_size)
    : data_(data)
    , chunk_size_(chunk_size)
    , window_size_(std::max(kWindow / chunk_size, std::uint64_t{1}) * chunk_size) {}

void BackingStore::read(DataChunk chunk, std::uint64_t offset, std::span<std::byte> into) {
    data_.read(chunk.value() * chunk_size_ + offset, into);
}

void BackingStore::write(DataChunk chunk, std::uint64_t offset, std::span<const std::byte> from) {
    if (from.empty())
        return;
    try {
        data_.write(chunk.value() * chunk_size_ + offset, from);
    } catch (
        ...) { // the next flush must ask a disk that may be dead, and not pass as nothing to do
        written_.store(true, std::memory_order_release);
        throw;
    }
    written_.store(true, std::memory_order_release);
}

void BackingStore::fill(DataChunk chunk,
                        std::optional<DataChunk> old,
                        std::uint64_t offset,
                        std::span<const std::byte> data) {
    const std::uint64_t data_end = offset + data.size();
    for (std::uint64_t at = 0; at < chunk_size_; at += kFillPiece) {
        const std::uint64_t end = std::min<std::uint64_t>(at + kFillPiece, chunk_size_);
        const std::uint64_t from = std::clamp(offset, at, end);
        const std::uint64_t to = std::clamp(data_end, at, end);
        if (from == at && to == end) {
            write(chunk, at, data.subspan(at - offset, end - at));
            continue;
        }
        const auto piece = scratch(end - at);
        if (old)
            read(*old, at, piece);
        else
            std::ranges::fill(piece, std::byte{0});
        if (from < to)
            std::memcpy(piece.data() + (from - at), data.data() + (from - offset), to - from);
        write(chunk, at, piece);
    }
}

bool BackingStore::has_space(std::uint64_t begin, std::uint64_t end) const {
    for (std::uint64_t at = begin; at < end; at = (at / window_size_ + 1) * window_size_) {
        const std::uint64_t window = at / window_size_;
        if (window >= space_from_.size() || at < space_from_[window])
            return false;
    }
    return true;
}

void BackingStore::note_space(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end; at = (at / window_size_ + 1) * window_size_) {
        const std::uint64_t window = at / window_size_;
        if (space_from_.size() <= window)
            space_from_.resize(window + 1, kNoSpace);
        space_from_[window] = std::min(space_from_[window], at);
    }
}

void BackingStore::ensure(pdata::ChunkRun run) {
    const std::uint64_t begin = run.begin.value() * chunk_size_;
    const std::uint64_t end = begin + run.length * chunk_size_;
    const MutexLock lock(mutex_);
    if (has_space(begin, end))
        return;
    // From the run on, not from the window's start: a host that fails half way keeps what it took
    // so far, and chunks before the run may be free ones that nobody is going to use soon.
    const std::uint64_t window_end = (end - 1) / window_size_ * window_size_ + window_size_;
    try {
        const std::uint64_t whole = data_.size() / chunk_size_ * chunk_size_;
        const std::uint64_t to = std::min(window_end, whole);
        data_.allocate(begin, to - begin);
        note_space(begin, to / window_size_ * window_size_); // a cut off window may grow
    } catch (const Error& error) {
        if (error.kind() != Errc::no_space)
            throw;
        data_.allocate(begin, end - begin); // no room for windows: then for what is needed now
    }
}

void BackingStore::give_back(pdata::ChunkRun run) {
    const std::uint64_t begin = run.begin.value() * chunk_size_;
    const std::uint64_t length = run.length * chunk_size_;
    try {
        data_.discard(begin, length);
    } catch (const Error&) { // NOLINT(bugprone-empty-catch) the space stays taken; nothing is lost
    }
    // Only now: whoever needs a chunk of these windows from here on asks the host again, and the
    // chunks given back are handed out only after this.
    const MutexLock lock(mutex_);
    for (std::uint64_t window = begin / window_size_;
         window <= (begin + length - 1) / window_size_ && window < space_from_.size();
         ++window)
        space_from_[window] = kNoSpace;
}

void BackingStore::flush() {
    // Who finds nothing left to flush waits for whoever flushes it now: a commit that went on
    // without that could make mappings durable before the data that they point to.
    const MutexLock lock(flush_mutex_);
    if (failed_)
        throw Error(Errc::io,
                    "an earlier flush of the data device failed: what was written before it may be "
                    "lost, and a later flush cannot tell");
    if (!written_.exchange(false, std::memory_order_acq_rel))
        return;
    try {
        data_.flush();
    } catch (...) {
        failed_ = true; // the system reports a lost write once; the next flush could succeed
        throw;
    }
}

} // namespace thinsnap::engine
