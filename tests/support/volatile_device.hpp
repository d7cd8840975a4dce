#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

#include "support/sparse_bytes.hpp"

/// \file
/// Disks with a volatile cache that lose their power together. What was written since the last
/// flush is kept apart; after the cut any part of it may have reached the medium, in any order,
/// torn at 512 bytes.

namespace thinsnap::test {

/// The power is gone. Not an Error and not a std::exception, so that no code under test takes it
/// for a failure that it knows how to handle.
struct PowerCut {};

/// What all devices of one machine hang on; counts their operations (reads are not counted).
///
/// Threads: all calls from any thread.
class PowerSupply {
public:
    struct Operation {
        std::uint64_t number = 0; ///< from 1 on, over all devices
        bool last = false;        ///< the power goes off while it runs
    };

    /// The power goes off during the `n`-th operation from now; 1 is the next one.
    void cut_during(std::uint64_t n);
    void cut_now();
    /// It was not the power: the process alone died, and what it wrote is still in the caches.
    void restore();

    /// \throws PowerCut  the power is off already
    [[nodiscard]] Operation begin_operation();
    /// \throws PowerCut  the power is off
    void require_power() const;

    [[nodiscard]] std::uint64_t operations() const;
    [[nodiscard]] bool is_off() const;

private:
    mutable Mutex mutex_;
    std::uint64_t operations_ TS_GUARDED_BY(mutex_) = 0;
    std::uint64_t last_ TS_GUARDED_BY(mutex_) = UINT64_MAX;
    bool off_ TS_GUARDED_BY(mutex_) = false;
};

/// A barrier that a device pretends to respect, to show that a test notices. Flushes are told
/// apart by the write before them: the superblock's is at offset 0.
enum class BrokenBarrier {
    none,
    every_flush,
    before_superblock, ///< flushes whose last write was elsewhere
    after_superblock,  ///< flushes whose last write was at offset 0
};

/// One disk. The operation during which the power goes off belongs to those that may have happened.
///
/// A discarded range reads as background at once; it is as volatile as a write. Writes must be
/// aligned as O_DIRECT asks.
class VolatileDevice final : public BlockDevice {
public:
    static constexpr std::uint64_t kSector = 512;

    VolatileDevice(PowerSupply& power, SparseBytes content);

    [[nodiscard]] std::uint64_t size() const override;
    [[nodiscard]] std::uint64_t alignment() const override { return 4096; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    /// Durable at once.
    void resize(std::uint64_t size);
    void break_barrier(BrokenBarrier barrier);
    /// How long a flush takes; the others go on meanwhile. At first no time at all.
    void set_flush_time(std::chrono::microseconds time);

    /// What has not been flushed, oldest first.
    struct Unflushed {
        enum class Kind { write, zeros, discard };
        std::uint64_t number = 0; ///< of the operation
        Kind kind = Kind::write;
        std::uint64_t offset = 0;
        std::uint64_t length = 0;
        std::shared_ptr<const std::vector<std::byte>> bytes; ///< shared by copies of this
    };
    [[nodiscard]] std::vector<Unflushed> unflushed() const;
    /// What is on the medium for sure.
    [[nodiscard]] SparseBytes durable() const;

private:
    void remember(Unflushed operation) TS_REQUIRES(mutex_);
    [[nodiscard]] bool is_broken() const TS_REQUIRES(mutex_);
    /// All that is unflushed up to that operation.
    void make_durable(std::uint64_t number) TS_REQUIRES(mutex_);

    PowerSupply& power_;
    mutable Mutex mutex_;
    SparseBytes current_ TS_GUARDED_BY(mutex_);
    SparseBytes durable_ TS_GUARDED_BY(mutex_);
    std::vector<Unflushed> unflushed_ TS_GUARDED_BY(mutex_);
    BrokenBarrier broken_ TS_GUARDED_BY(mutex_) = BrokenBarrier::none;
    std::chrono::microseconds flush_time_ TS_GUARDED_BY(mutex_){0};
    std::uint64_t last_write_ TS_GUARDED_BY(mutex_) = UINT64_MAX; ///< its offset
};

/// Which of the unflushed operations, over all devices in their order, reached the medium.
struct Survivors {
    enum class Kind {
        none,
        all,
        prefix,      ///< the first `value`
        single,      ///< number `value` alone, from 0
        all_but_one, ///< all but number `value`
        only_device, ///< all of device `value`, none of the others
        random,      ///< each or not; `value` is the seed
        torn,        ///< each 512-byte sector of each or not; `value` is the seed
    };
    Kind kind = Kind::none;
    std::uint64_t value = 0;

    [[nodiscard]] std::string text() const;
};

/// A choice of ways in which a cut with so many unflushed operations can end: none and all, and as
/// many of the other kinds as `effort` says; each possible single one where they are few.
[[nodiscard]] std::vector<Survivors> choose_survivors(std::size_t nr_unflushed,
                                                      std::size_t nr_devices,
                                                      std::size_t effort,
                                                      std::uint64_t seed);

/// Whether an operation made it: the one at `position` of all unflushed ones, of that device.
[[nodiscard]] bool survives(const Survivors& survivors, std::size_t device, std::size_t position);

/// What is on each device's medium after the cut. A discard that survived leaves background.
/// \param elsewhere  numbers of unflushed operations of what else lost its power, ascending: they
///                   have their positions among all
[[nodiscard]] std::vector<SparseBytes>
images_after_cut(std::span<const VolatileDevice* const> devices,
                 const Survivors& survivors,
                 std::span<const std::uint64_t> elsewhere = {});

} // namespace thinsnap::test
