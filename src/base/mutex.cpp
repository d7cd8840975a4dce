#include "base/mutex.hpp"

#include "base/assert.hpp"

namespace thinsnap {

SharedMutex::SharedMutex() {
    pthread_rwlockattr_t attributes{};
    TS_ASSERT(pthread_rwlockattr_init(&attributes) == 0);
    TS_ASSERT(pthread_rwlockattr_setkind_np(&attributes,
                                            PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    TS_ASSERT(pthread_rwlock_init(&lock_, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
}

SharedMutex::~SharedMutex() {
    pthread_rwlock_destroy(&lock_);
}

void SharedMutex::lock() {
    TS_ASSERT(pthread_rwlock_wrlock(&lock_) == 0);
}

void SharedMutex::unlock() {
    TS_ASSERT(pthread_rwlock_unlock(&lock_) == 0);
}

void SharedMutex::lock_shared() {
    TS_ASSERT(pthread_rwlock_rdlock(&lock_) == 0);
}

void SharedMutex::unlock_shared() {
    TS_ASSERT(pthread_rwlock_unlock(&lock_) == 0);
}

} // namespace thinsnap
