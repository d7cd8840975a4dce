#pragma once

#include <atomic>

#include "base/fd.hpp"

namespace thinsnap {

/// A wish that some work should end, said by one thread and noticed by those who do the work: the
/// part that a signal plays for a process, for a single request of a server.
///
/// Threads: every call from any thread.
class Cancellation {
public:
    /// \throws SystemError  no descriptor is left
    Cancellation();
    Cancellation(const Cancellation&) = delete;
    Cancellation& operator=(const Cancellation&) = delete;
    ~Cancellation() = default;

    /// \param signal  the signal that would have said the same; the first call counts
    void cancel(int signal) noexcept;

    /// 0: nobody has asked.
    [[nodiscard]] int signal() const noexcept { return signal_.load(std::memory_order_relaxed); }

    /// Can be read from the first cancel() on, for poll().
    [[nodiscard]] int fd() const noexcept { return event_.get(); }

private:
    std::atomic<int> signal_{0};
    Fd event_;
};

} // namespace thinsnap
