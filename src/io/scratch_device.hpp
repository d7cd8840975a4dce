#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

namespace thinsnap::io {

/// A device of any size in memory that takes space only for the 4 KiB blocks that were written; the
/// others read as zeros. flush() does nothing. For what need not be kept: a file system that
/// another is compared with, and tests. (A test that asks how it was used, or wants to copy it
/// cheaply, has SparseDevice in tests/support; one that lets e2fsck and the kernel judge it has
/// ImageFile.)
class ScratchDevice final : public BlockDevice {
public:
    explicit ScratchDevice(std::uint64_t size)
        : size_(size) {}
    /// As large as `content`, with these bytes.
    explicit ScratchDevice(std::span<const std::byte> content);

    [[nodiscard]] std::uint64_t size() const override { return size_; }
    [[nodiscard]] std::uint64_t alignment() const override { return 1; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override {}
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t, std::uint64_t) override {}
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

private:
    static constexpr std::uint64_t kBlock = 4096;
    using Block = std::array<std::byte, kBlock>;

    void require_inside(std::uint64_t offset, std::uint64_t length) const;

    const std::uint64_t size_;
    mutable Mutex mutex_;
    std::unordered_map<std::uint64_t, Block> blocks_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::io
