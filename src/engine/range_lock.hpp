#pragma once

#include <cstdint>

#include "base/mutex.hpp"

namespace thinsnap::engine {

/// Locks ranges of one device's chunks: reads and in-place writes share, whatever changes mappings
/// excludes. A range that waits holds up later ones that conflict with it, so nobody starves;
/// locking all chunks exclusively is how a device is brought to rest for a snapshot.
///
/// Cost: one look at each range that is locked at the moment; meant for tens, not thousands.
class RangeLock {
public:
    enum class Mode : std::uint8_t { shared, exclusive };

    /// Holds [begin, end) while it lives; waits for it in the constructor. A thread holds at most
    /// one range of a device at a time.
    class Guard {
    public:
        Guard(RangeLock& lock, std::uint64_t begin, std::uint64_t end, Mode mode);
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        ~Guard();

    private:
        friend class RangeLock;
        RangeLock& lock_;
        std::uint64_t begin_;
        std::uint64_t end_;
        Mode mode_;
        Guard* earlier_ = nullptr;
        Guard* later_ = nullptr;
    };

private:
    void append(Guard& guard) TS_REQUIRES(mutex_);
    void unlink(Guard& guard) TS_REQUIRES(mutex_);
    [[nodiscard]] static bool must_wait(const Guard& guard);

    Mutex mutex_;
    Condition released_;
    Guard* newest_ TS_GUARDED_BY(mutex_) = nullptr;
    unsigned waiting_ TS_GUARDED_BY(mutex_) = 0;
};

} // namespace thinsnap::engine
