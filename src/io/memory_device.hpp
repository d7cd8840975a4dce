#pragma once

#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

namespace thinsnap::io {

/// Bytes in memory; flush() does nothing. For fuzzers, tests and building an image before it is
/// written somewhere.
class MemoryDevice final : public BlockDevice {
public:
    explicit MemoryDevice(std::uint64_t size);
    explicit MemoryDevice(std::vector<std::byte> content);

    [[nodiscard]] std::uint64_t size() const override;
    [[nodiscard]] std::uint64_t alignment() const override { return 1; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override {}
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t, std::uint64_t) override {}
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    void resize(std::uint64_t size);

private:
    [[nodiscard]] std::span<std::byte> range(std::uint64_t offset, std::uint64_t length)
        TS_REQUIRES(mutex_);

    mutable Mutex mutex_;
    std::vector<std::byte> content_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::io
