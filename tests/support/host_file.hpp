#pragma once

#include <cstdint>
#include <unordered_set>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

namespace thinsnap::test {

/// Free space of a host's file system; several HostFiles may take from one.
class HostDisk {
public:
    explicit HostDisk(std::uint64_t free_bytes)
        : free_(free_bytes) {}

    /// Takes `bytes` if there are so many. \return whether there were
    [[nodiscard]] bool take(std::uint64_t bytes);
    void give(std::uint64_t bytes);
    [[nodiscard]] std::uint64_t free_bytes() const;

private:
    mutable Mutex mutex_;
    std::uint64_t free_ TS_GUARDED_BY(mutex_);
};

/// A sparse file on a disk that can be full: a write to a hole, or allocate(), takes space in units
/// of 4 KiB or fails with ENOSPC; discard() gives whole units back. Content is the inner device's.
class HostFile final : public BlockDevice {
public:
    static constexpr std::uint64_t kUnit = 4096;

    /// Both must outlive this.
    HostFile(HostDisk& disk, BlockDevice& inner)
        : disk_(disk)
        , inner_(inner) {}

    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return inner_.alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    [[nodiscard]] std::uint64_t allocated_bytes() const;

private:
    void take(std::uint64_t offset, std::uint64_t length, const char* action);

    HostDisk& disk_;
    BlockDevice& inner_;
    mutable Mutex mutex_;
    std::unordered_set<std::uint64_t> units_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::test
