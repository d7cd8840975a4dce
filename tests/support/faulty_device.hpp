#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"

namespace thinsnap::test {

enum class DeviceOperation { read, write, flush, discard, allocate, write_zeros };
inline constexpr std::size_t kDeviceOperations = 6;

/// What goes wrong at a FaultyDevice, and when.
struct Fault {
    std::optional<DeviceOperation> operation = std::nullopt; ///< of this kind; else any but reads
    std::uint64_t at = 1;   ///< the n-th of these from now, 1 is the next
    int error = 5;          ///< errno; EIO
    bool for_ever = false;  ///< and all behind it
    bool half_done = false; ///< a write's first half reaches the device
    /// Only operations whose offset is in this range; flushes are in every range.
    std::uint64_t from = 0;
    std::uint64_t to = UINT64_MAX;
};

/// Passes everything to another device, and fails as it is told.
class FaultyDevice final : public BlockDevice {
public:
    /// \param inner  must outlive this
    explicit FaultyDevice(BlockDevice& inner)
        : inner_(inner) {}

    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return inner_.alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    void fail(const Fault& fault);
    void heal();

    /// Operations so far, the failed ones too.
    [[nodiscard]] std::uint64_t count(DeviceOperation operation) const;
    /// All but the reads.
    [[nodiscard]] std::uint64_t changes() const;
    /// Operations that failed.
    [[nodiscard]] std::uint64_t failures() const;

private:
    /// \return errno for this operation, 0 if it goes well
    [[nodiscard]] int next(DeviceOperation operation, std::uint64_t offset);

    BlockDevice& inner_;
    mutable Mutex mutex_;
    std::optional<Fault> fault_ TS_GUARDED_BY(mutex_);
    std::uint64_t matched_ TS_GUARDED_BY(mutex_) = 0;
    std::uint64_t failures_ TS_GUARDED_BY(mutex_) = 0;
    std::array<std::uint64_t, kDeviceOperations> counts_ TS_GUARDED_BY(mutex_){};
};

} // namespace thinsnap::test
