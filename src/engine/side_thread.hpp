#pragma once

#include <exception>
#include <functional>
#include <thread>

#include "base/mutex.hpp"

namespace thinsnap::engine {

/// A thread that carries out one job at a time beside what its owner does: two flushes that need
/// not wait for one another then take as long as the longer one.
///
/// The system's thread is made with the first job, so an owner that never has one costs nothing,
/// and it has the priority of who gave it. Where none can be made, start() does the job itself.
///
/// Threads: one owner at a time calls start() and finish(), in turns.
class SideThread {
public:
    SideThread() = default;
    SideThread(const SideThread&) = delete;
    SideThread& operator=(const SideThread&) = delete;
    ~SideThread();

    /// Begins a job. It must be finished with finish() before what it refers to goes.
    void start(std::function<void()> job) TS_EXCLUDES(mutex_);
    /// Returns when the job is done; throws what it threw.
    void finish() TS_EXCLUDES(mutex_);

private:
    enum class State { idle, job, done, ending };

    void live() TS_EXCLUDES(mutex_);
    static std::exception_ptr carry_out(const std::function<void()>& job);

    std::thread thread_;
    Mutex mutex_;
    Condition changed_;
    State state_ TS_GUARDED_BY(mutex_) = State::idle;
    std::function<void()> job_ TS_GUARDED_BY(mutex_);
    std::exception_ptr error_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::engine
