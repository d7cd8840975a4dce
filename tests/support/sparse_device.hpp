#pragma once

#include <utility>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

#include "support/sparse_bytes.hpp"

namespace thinsnap::test {

/// \throws Error(invalid_argument)  as a device of that alignment does for such a write
void require_aligned(std::uint64_t offset, std::uint64_t length, std::uint64_t alignment);

/// A device that never fails and never loses anything, over SparseBytes. A discarded range reads as
/// background. Writes must be aligned as O_DIRECT asks, unless it is made otherwise.
/// What io::ScratchDevice has not: copies that share pages, noise for a background, counts of what
/// was asked of it.
class SparseDevice final : public BlockDevice {
public:
    explicit SparseDevice(SparseBytes content, std::uint64_t alignment = 4096)
        : alignment_(alignment)
        , content_(std::move(content)) {}
    explicit SparseDevice(std::uint64_t size)
        : SparseDevice(SparseBytes(size)) {}

    [[nodiscard]] std::uint64_t size() const override;
    [[nodiscard]] std::uint64_t alignment() const override { return alignment_; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t, std::uint64_t) override {}
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    void resize(std::uint64_t size);
    /// A copy that shares pages.
    [[nodiscard]] SparseBytes content() const;
    [[nodiscard]] std::uint64_t flushes() const;
    /// Bytes given to write() and write_zeros() so far.
    [[nodiscard]] std::uint64_t bytes_written() const;
    /// Bytes asked of read() so far.
    [[nodiscard]] std::uint64_t bytes_read() const;

private:
    const std::uint64_t alignment_;
    mutable Mutex mutex_;
    SparseBytes content_ TS_GUARDED_BY(mutex_);
    std::uint64_t flushes_ TS_GUARDED_BY(mutex_) = 0;
    std::uint64_t written_ TS_GUARDED_BY(mutex_) = 0;
    std::uint64_t read_ TS_GUARDED_BY(mutex_) = 0;
};

} // namespace thinsnap::test
