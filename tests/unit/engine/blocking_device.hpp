#pragma once

#include <chrono>

#include "base/mutex.hpp"
#include "io/forwarding_device.hpp"

namespace thinsnap::test {

/// Passes everything on; a flush waits at a gate while it is shut.
class BlockingDevice final : public io::ForwardingDevice {
public:
    using ForwardingDevice::ForwardingDevice;

    void flush() override {
        {
            const MutexLock lock(mutex_);
            ++waiting_;
            changed_.notify_all();
            while (shut_)
                changed_.wait(mutex_);
            --waiting_;
        }
        ForwardingDevice::flush();
    }

    void shut_gate() { set(true); }
    void open_gate() { set(false); }

    /// Returns when a flush stands at the gate.
    void wait_for_flush() {
        const MutexLock lock(mutex_);
        while (waiting_ == 0)
            changed_.wait(mutex_);
    }

private:
    void set(bool shut) {
        const MutexLock lock(mutex_);
        shut_ = shut;
        changed_.notify_all();
    }

    Mutex mutex_;
    Condition changed_;
    bool shut_ TS_GUARDED_BY(mutex_) = false;
    int waiting_ TS_GUARDED_BY(mutex_) = 0;
};

} // namespace thinsnap::test
