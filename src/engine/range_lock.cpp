#include "engine/range_lock.hpp"

namespace thinsnap::engine {

RangeLock::Guard::Guard(RangeLock& lock, std::uint64_t begin, std::uint64_t end, Mode mode)
    : lock_(lock)
    , begin_(begin)
    , end_(end)
    , mode_(mode) {
    const MutexLock hold(lock_.mutex_);
    lock_.append(*this);
    while (must_wait(*this)) {
        ++lock_.waiting_;
        lock_.released_.wait(lock_.mutex_);
        --lock_.waiting_;
    }
}

RangeLock::Guard::~Guard() {
    const MutexLock hold(lock_.mutex_);
    lock_.unlink(*this);
    if (lock_.waiting_ != 0)
        lock_.released_.notify_all();
}

void RangeLock::append(Guard& guard) {
    guard.earlier_ = newest_;
    if (newest_ != nullptr)
        newest_->later_ = &guard;
    newest_ = &guard;
}

void RangeLock::unlink(Guard& guard) {
    if (guard.earlier_ != nullptr)
        guard.earlier_->later_ = guard.later_;
    if (guard.later_ != nullptr)
        guard.later_->earlier_ = guard.earlier_;
    else
        newest_ = guard.earlier_;
}

bool RangeLock::must_wait(const Guard& guard) {
    for (const Guard* other = guard.earlier_; other != nullptr; other = other->earlier_)
        if (other->begin_ < guard.end_ && guard.begin_ < other->end_ &&
            (other->mode_ == Mode::exclusive || guard.mode_ == Mode::exclusive))
            return true;
    return false;
}

} // namespace thinsnap::engine
