#include "engine/side_thread.hpp"

#include <system_error>
#include <utility>

namespace thinsnap::engine {

SideThread::~SideThread() {
    if (!thread_.joinable())
        return;
    {
        const MutexLock lock(mutex_);
        state_ = State::ending;
    }
    changed_.notify_all();
    thread_.join();
}

std::exception_ptr SideThread::carry_out(const std::function<void()>& job) {
    try {
        job();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

void SideThread::start(std::function<void()> job) {
    try {
        if (!thread_.joinable())
            thread_ = std::thread([this] { live(); });
    } catch (const std::system_error&) { // too many threads: then one after the other
        std::exception_ptr error = carry_out(job);
        const MutexLock lock(mutex_);
        error_ = std::move(error);
        state_ = State::done;
        return;
    }
    {
        const MutexLock lock(mutex_);
        job_ = std::move(job);
        state_ = State::job;
    }
    changed_.notify_all();
}

void SideThread::finish() {
    std::exception_ptr error;
    {
        const MutexLock lock(mutex_);
        while (state_ == State::job)
            changed_.wait(mutex_);
        state_ = State::idle;
        error = std::exchange(error_, nullptr);
    }
    if (error)
        std::rethrow_exception(error);
}

void SideThread::live() {
    for (;;) {
        std::function<void()> job;
        {
            const MutexLock lock(mutex_);
            while (state_ != State::job && state_ != State::ending)
                changed_.wait(mutex_);
            if (state_ == State::ending)
                return;
            job = std::move(job_);
        }
        std::exception_ptr error = carry_out(job);
        {
            const MutexLock lock(mutex_);
            error_ = std::move(error);
            state_ = State::done;
        }
        changed_.notify_all();
    }
}

} // namespace thinsnap::engine
