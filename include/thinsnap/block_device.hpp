#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace thinsnap {

/// An array of bytes that keeps what it was given once flush() has returned: a file, a disk, a thin
/// device of a pool, or a test's fake of one.
///
/// This is the seam through which every byte of a pool passes, so every failure of a disk can be
/// produced on demand. Completed writes may sit in a volatile cache and may reach the medium in any
/// order, torn at 512 bytes, until a later flush() has returned; that is what a power cut tests.
///
/// Threads: every call may be made from any thread at any time. Overlapping concurrent writes leave
/// one or the other, per 512 bytes.
class BlockDevice {
public:
    BlockDevice() = default;
    BlockDevice(const BlockDevice&) = delete;
    BlockDevice& operator=(const BlockDevice&) = delete;
    virtual ~BlockDevice() = default;

    /// Size in bytes.
    [[nodiscard]] virtual std::uint64_t size() const = 0;

    /// Offsets and lengths of writes must be multiples of this, in bytes, a power of two (1: no
    /// restriction). Reads and memory addresses need no alignment anywhere; an unaligned one costs
    /// a copy.
    [[nodiscard]] virtual std::uint64_t alignment() const = 0;

    /// Fills `into` from byte `offset`; never short.
    /// \throws Error(invalid_argument)  the range ends behind size()
    /// \throws SystemError              the read failed
    virtual void read(std::uint64_t offset, std::span<std::byte> into) = 0;

    /// Writes all of `from` at byte `offset`; never short. On failure any part may have been
    /// written. \throws Error(invalid_argument)  behind size(), or not aligned \throws
    /// Error(read_only)         opened for reading only \throws SystemError              the write
    /// failed (ENOSPC has kind no_space)
    virtual void write(std::uint64_t offset, std::span<const std::byte> from) = 0;

    /// Writes several pieces behind one another, starting at `offset`; one system call where
    /// possible. Every piece's length is a multiple of alignment().
    virtual void write_gather(std::uint64_t offset,
                              std::span<const std::span<const std::byte>> pieces);

    /// Makes every write that completed before the call durable.
    /// \throws SystemError  the data's fate is unknown: do not try again as if nothing had happened
    virtual void flush() = 0;

    /// Tells that the range's content is no longer wanted; its space may be given back. What it
    /// reads as afterwards is not promised, unless the implementation says more. May do nothing.
    virtual void discard(std::uint64_t offset, std::uint64_t length) = 0;

    /// Makes sure that later writes to the range cannot fail for want of space beneath this device.
    /// Does not change content. Does nothing where space cannot run out beneath. A thin device does
    /// at once what a first write would have to: see ThinPool::open_device().
    /// \throws SystemError(ENOSPC)  the host's file system is full
    virtual void allocate(std::uint64_t offset, std::uint64_t length) = 0;

    /// Makes the range read as zeros, durable by the next flush(), without giving up its space
    /// (a thin device gives up the chunks that the range covers).
    /// Offsets and lengths as for write().
    virtual void write_zeros(std::uint64_t offset, std::uint64_t length) = 0;
};

} // namespace thinsnap
