#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <pthread.h>

/// \file
/// Mutexes that clang's thread-safety analysis understands: members carry TS_GUARDED_BY(mutex_),
/// and the clang build turns an access without the lock into an error. Elsewhere the macros are
/// empty.

#if defined(__clang__)
#define TS_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TS_THREAD_ATTRIBUTE(x)
#endif

#define TS_CAPABILITY(name) TS_THREAD_ATTRIBUTE(capability(name))
#define TS_SCOPED_CAPABILITY TS_THREAD_ATTRIBUTE(scoped_lockable)
#define TS_GUARDED_BY(mutex) TS_THREAD_ATTRIBUTE(guarded_by(mutex))
#define TS_REQUIRES(...) TS_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TS_REQUIRES_SHARED(...) TS_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define TS_ACQUIRE(...) TS_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TS_ACQUIRE_SHARED(...) TS_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define TS_RELEASE(...) TS_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TS_RELEASE_SHARED(...) TS_THREAD_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define TS_EXCLUDES(...) TS_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace thinsnap {

class TS_CAPABILITY("mutex") Mutex {
public:
    void lock() TS_ACQUIRE() { mutex_.lock(); }
    void unlock() TS_RELEASE() { mutex_.unlock(); }

private:
    std::mutex mutex_;
};

class TS_SCOPED_CAPABILITY MutexLock {
public:
    explicit MutexLock(Mutex& mutex) TS_ACQUIRE(mutex)
        : mutex_(mutex) {
        mutex_.lock();
    }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;
    ~MutexLock() TS_RELEASE() { mutex_.unlock(); }

private:
    Mutex& mutex_;
};

/// Condition variable for Mutex. Callers wait in a loop around their condition, with the lock held.
class Condition {
public:
    void wait(Mutex& mutex) TS_REQUIRES(mutex) { condition_.wait(mutex); }
    template <class Clock, class Duration>
    std::cv_status wait_until(Mutex& mutex, std::chrono::time_point<Clock, Duration> deadline)
        TS_REQUIRES(mutex) {
        return condition_.wait_until(mutex, deadline);
    }
    void notify_all() noexcept { condition_.notify_all(); }
    void notify_one() noexcept { condition_.notify_one(); }

private:
    std::condition_variable_any condition_;
};

/// Many readers or one writer. A waiting writer goes first: std::shared_mutex lets readers that
/// overlap without a gap keep it out for ever. So nobody may take it for reading twice.
class TS_CAPABILITY("shared_mutex") SharedMutex {
public:
    SharedMutex();
    SharedMutex(const SharedMutex&) = delete;
    SharedMutex& operator=(const SharedMutex&) = delete;
    ~SharedMutex();
    void lock() TS_ACQUIRE();
    void unlock() TS_RELEASE();
    void lock_shared() TS_ACQUIRE_SHARED();
    void unlock_shared() TS_RELEASE_SHARED();

private:
    pthread_rwlock_t lock_{};
};

class TS_SCOPED_CAPABILITY ExclusiveLock {
public:
    explicit ExclusiveLock(SharedMutex& mutex) TS_ACQUIRE(mutex)
        : mutex_(mutex) {
        mutex_.lock();
    }
    ExclusiveLock(const ExclusiveLock&) = delete;
    ExclusiveLock& operator=(const ExclusiveLock&) = delete;
    ~ExclusiveLock() TS_RELEASE() { mutex_.unlock(); }

private:
    SharedMutex& mutex_;
};

class TS_SCOPED_CAPABILITY SharedLock {
public:
    explicit SharedLock(SharedMutex& mutex) TS_ACQUIRE_SHARED(mutex)
        : mutex_(mutex) {
        mutex_.lock_shared();
    }
    SharedLock(const SharedLock&) = delete;
    SharedLock& operator=(const SharedLock&) = delete;
    ~SharedLock() TS_RELEASE() { mutex_.unlock_shared(); }

private:
    SharedMutex& mutex_;
};

} // namespace thinsnap
