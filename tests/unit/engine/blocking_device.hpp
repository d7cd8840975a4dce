#pragma once

#include <chrono>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

namespace thinsnap::test {

/// Passes everything on; a flush waits at a gate while it is shut.
class BlockingDevice final : public BlockDevice {
public:
    explicit BlockingDevice(BlockDevice& inner)
        : inner_(inner) {}

    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return inner_.alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override {
        inner_.read(offset, into);
    }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        inner_.write(offset, from);
    }
    void flush() override {
        {
            const MutexLock lock(mutex_);
            ++waiting_;
            changed_.notify_all();
            while (shut_)
                changed_.wait(mutex_);
            --waiting_;
        }
        inner_.flush();
    }
    void discard(std::uint64_t offset, std::uint64_t length) override {
        inner_.discard(offset, length);
    }
    void allocate(std::uint64_t offset, std::uint64_t length) override {
        inner_.allocate(offset, length);
    }
    void write_zeros(std::uint64_t offset, std::uint64_t length) override {
        inner_.write_zeros(offset, length);
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

    BlockDevice& inner_;
    Mutex mutex_;
    Condition changed_;
    bool shut_ TS_GUARDED_BY(mutex_) = false;
    int waiting_ TS_GUARDED_BY(mutex_) = 0;
};

} // namespace thinsnap::test
