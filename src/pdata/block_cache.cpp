#include "pdata/block_cache.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::pdata {

namespace {

constexpr std::size_t kMinCapacity = 256;
constexpr std::size_t kEarlyWrites = 64; // dirty blocks written together to make room

} // namespace

BlockCache::ReadRef::ReadRef(ReadRef&& other) noexcept
    : frame_(std::exchange(other.frame_, nullptr)) {}

BlockCache::ReadRef& BlockCache::ReadRef::operator=(ReadRef&& other) noexcept {
    if (this != &other) {
        if (frame_ != nullptr)
            frame_->pins.fetch_sub(1, std::memory_order_release);
        frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
}

BlockCache::ReadRef::~ReadRef() {
    if (frame_ != nullptr)
        frame_->pins.fetch_sub(1, std::memory_order_release);
}

ConstBlockBytes BlockCache::ReadRef::bytes() const {
    return ConstBlockBytes(frame_->memory.bytes().data(), kBlockSize);
}

MetaBlock BlockCache::ReadRef::where() const {
    return frame_->where;
}

BlockBytes BlockCache::WriteRef::bytes() const {
    return BlockBytes(frame_->memory.bytes().data(), kBlockSize);
}

BlockCache::BlockCache(BlockDevice& device, std::size_t capacity)
    : device_(device)
    , capacity_(std::max(capacity, kMinCapacity)) {}

BlockCache::~BlockCache() = default;

BlockCache::Frame* BlockCache::find_victim() {
    // Two rounds: the first takes away second chances, and whatever is left then is in use or
    // dirty.
    std::vector<Frame*> dirty;
    for (std::size_t step = 0; step < 2 * frames_.size() && dirty.size() < kEarlyWrites; ++step) {
        Frame& frame = *frames_[hand_];
        hand_ = (hand_ + 1) % frames_.size();
        if (frame.pins.load(std::memory_order_acquire) != 0 || frame.state != State::ready)
            continue;
        if (std::exchange(frame.recent, false))
            continue;
        if (!frame.dirty)
            return &frame;
        if (std::ranges::find(dirty, &frame) == dirty.end())
            dirty.push_back(&frame);
    }
    if (dirty.empty())
        return nullptr;
    Frame* const victim = dirty.front();
    try {
        write_sorted(dirty);
    } catch (const Error&) {
        return nullptr; // a reader may be who needs the place: the next commit meets the error
    }
    for (Frame* frame : dirty)
        frame->dirty = false;
    stats_.early_writes += dirty.size();
    return victim;
}

BlockCache::Frame& BlockCache::place_for(MetaBlock where, BlockKind kind) {
    Frame* frame = nullptr;
    if (!spare_.empty()) {
        frame = spare_.back();
        spare_.pop_back();
    } else if (frames_.size() >= capacity_) {
        frame = find_victim();
        if (frame != nullptr)
            index_.erase(frame->where);
    }
    if (frame == nullptr) { // still filling, or everything is in use: take more memory
        frames_.push_back(std::make_unique<Frame>());
        frame = frames_.back().get();
        frame->memory = AlignedBuffer(kBlockSize);
    }
    frame->where = where;
    frame->kind = kind;
    frame->state = State::loading;
    frame->dirty = false;
    frame->recent = false;
    frame->pins.store(1, std::memory_order_relaxed);
    index_.emplace(where, frame);
    return *frame;
}

void BlockCache::load(Frame& frame) {
    State state = State::broken;
    try {
        device_.read(frame.where.value() * kBlockSize, frame.memory.bytes());
        validate(frame.kind, frame.where, ConstBlockBytes(frame.memory.bytes().data(), kBlockSize));
        state = State::ready;
    } catch (...) {
        const MutexLock lock(mutex_);
        frame.state = state;
        index_.erase(frame.where);
        loaded_.notify_all();
        if (frame.pins.fetch_sub(1, std::memory_order_acq_rel) == 1)
            spare_.push_back(&frame);
        throw;
    }
    const MutexLock lock(mutex_);
    frame.state = state;
    loaded_.notify_all();
}

BlockCache::Frame& BlockCache::pin(MetaBlock where, BlockKind kind) {
    if (where.value() >= nr_blocks())
        throw CorruptionError(name_of(kind),
                              where.value(),
                              fmt::format("the metadata device has {} blocks", nr_blocks()));
    Frame* frame = nullptr;
    {
        const MutexLock lock(mutex_);
        for (;;) {
            const auto found = index_.find(where);
            if (found == index_.end()) {
                ++stats_.misses;
                frame = &place_for(where, kind);
                break;
            }
            frame = found->second;
            if (frame->state == State::ready) {
                if (frame->kind != kind)
                    throw CorruptionError(name_of(kind),
                                          where.value(),
                                          fmt::format("it is a {}", name_of(frame->kind)));
                ++stats_.hits;
                frame->recent = true;
                frame->pins.fetch_add(1, std::memory_order_relaxed);
                return *frame;
            }
            loaded_.wait(mutex_); // somebody reads it now; look again, it may turn out broken
        }
    }
    load(*frame);
    return *frame;
}

ReadRef BlockCache::read(MetaBlock where, BlockKind kind) {
    return ReadRef(&pin(where, kind));
}

WriteRef BlockCache::write(MetaBlock where, BlockKind kind) {
    Frame& frame = pin(where, kind);
    const MutexLock lock(mutex_);
    frame.dirty = true;
    return WriteRef(&frame);
}

WriteRef BlockCache::create(MetaBlock where, BlockKind kind) {
    TS_ASSERT(where.value() < nr_blocks());
    const MutexLock lock(mutex_);
    const auto found = index_.find(where);
    Frame* frame = found != index_.end() ? found->second : nullptr;
    if (frame != nullptr) {
        if (frame->pins.load(std::memory_order_acquire) != 0)
            throw CorruptionError(
                name_of(frame->kind), where.value(), "is in use, and was counted as free");
        frame->kind = kind;
        frame->pins.store(1, std::memory_order_relaxed);
    } else {
        frame = &place_for(where, kind);
    }
    std::ranges::fill(frame->memory.bytes(), std::byte{0});
    frame->state = State::ready;
    frame->dirty = true;
    return WriteRef(frame);
}

void BlockCache::forget(MetaBlock where) {
    const MutexLock lock(mutex_);
    const auto found = index_.find(where);
    if (found == index_.end())
        return;
    Frame* const frame = found->second;
    frame->dirty = false;
    if (frame->pins.load(std::memory_order_acquire) != 0)
        return; // a reader of a view still looks at it; it is clean and goes with time
    index_.erase(found);
    spare_.push_back(frame);
}

void BlockCache::write_sorted(std::span<Frame*> frames) {
    std::ranges::sort(frames, {}, [](const Frame* frame) { return frame->where; });
    for (std::size_t begin = 0; begin < frames.size();) {
        std::size_t end = begin + 1;
        while (end < frames.size() && frames[end]->where == frames[end - 1]->where + 1)
            ++end;
        write_run(frames.subspan(begin, end - begin));
        begin = end;
    }
}

void BlockCache::write_run(std::span<Frame* const> run) {
    std::vector<std::span<const std::byte>> pieces;
    pieces.reserve(run.size());
    for (Frame* frame : run) {
        seal(frame->kind, frame->where, BlockBytes(frame->memory.bytes().data(), kBlockSize));
        pieces.emplace_back(frame->memory.bytes());
    }
    device_.write_gather(run.front()->where.value() * kBlockSize, pieces);
}

std::vector<BlockCache::Frame*> BlockCache::pin_dirty() {
    const MutexLock lock(mutex_);
    std::vector<Frame*> dirty;
    for (const auto& frame : frames_)
        if (frame->dirty) {
            frame->pins.fetch_add(1, std::memory_order_relaxed);
            dirty.push_back(frame.get());
        }
    return dirty;
}

void BlockCache::write_back() {
    // Pinned, so that nobody evicts them; the lock is not held while the device works.
    class Unpin {
    public:
        explicit Unpin(std::vector<Frame*> pinned)
            : frames(std::move(pinned)) {}
        Unpin(const Unpin&) = delete;
        Unpin& operator=(const Unpin&) = delete;
        ~Unpin() {
            for (Frame* frame : frames)
                frame->pins.fetch_sub(1, std::memory_order_release);
        }
        std::vector<Frame*> frames;
    };
    Unpin dirty(pin_dirty());
    write_sorted(dirty.frames);
    const MutexLock lock(mutex_);
    for (Frame* frame : dirty.frames)
        frame->dirty = false;
}

void BlockCache::drop_all() {
    const MutexLock lock(mutex_);
    for (auto it = index_.begin(); it != index_.end();) {
        Frame* const frame = it->second;
        frame->dirty = false;
        if (frame->state == State::ready && frame->pins.load(std::memory_order_acquire) == 0) {
            spare_.push_back(frame);
            it = index_.erase(it);
        } else {
            ++it;
        }
    }
}

BlockCache::Stats BlockCache::stats() const {
    const MutexLock lock(mutex_);
    return stats_;
}

} // namespace thinsnap::pdata
