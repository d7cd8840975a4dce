#pragma once

#include <map>
#include <memory>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "engine/embedded_pool.hpp"

#include "support/faulty_device.hpp"
#include "support/volatile_device.hpp"

#include "crash/history.hpp"

namespace thinsnap::test {

/// What two devices hold.
struct PoolImages {
    SparseBytes metadata;
    SparseBytes data;
};

struct WorldShape {
    std::uint64_t chunk_size = 64U << 10U;
    std::uint64_t data_chunks = 48;
    std::uint64_t metadata_blocks = 512;
};

/// Bytes of each device that tests write and look at.
inline constexpr std::uint64_t kSeenBytes = std::uint64_t{6} * (64U << 10U);

/// Little memory: a pool opens fast, and caches run over.
inline constexpr engine::EngineOptions kSmallCaches{.metadata_cache = 1, .mapping_cache = 4096};

/// An empty pool on devices full of noise.
[[nodiscard]] PoolImages format_images(const WorldShape& shape);
[[nodiscard]] PoolState first_state(const WorldShape& shape);

/// A pool on two disks that lose their power together, and the history of what was done to it. Each
/// step is recorded before it is tried; any of them may throw PowerCut.
class CrashWorld {
public:
    CrashWorld(const PoolImages& images, PoolState state);

    void apply(const std::vector<PoolOperation>& operations);
    void write(DeviceId id, std::uint64_t offset, std::uint64_t length);
    void discard(DeviceId id, std::uint64_t offset, std::uint64_t length);
    void flush(DeviceId id);
    void commit();
    void grow_data(std::uint64_t chunks);
    void grow_metadata(std::uint64_t blocks);
    /// Closes the device's handle; the next use opens another.
    void close(DeviceId id) { handles_.erase(id); }

    [[nodiscard]] PowerSupply& power() { return power_; }
    [[nodiscard]] VolatileDevice& metadata() { return metadata_; }
    [[nodiscard]] VolatileDevice& data() { return data_; }
    /// Between the pool and its disks.
    [[nodiscard]] FaultyDevice& metadata_faults() { return metadata_faults_; }
    [[nodiscard]] FaultyDevice& data_faults() { return data_faults_; }
    [[nodiscard]] ThinPool& pool() { return *pool_; }
    [[nodiscard]] const History& history() const { return history_; }
    /// Every byte at rest. Commits.
    [[nodiscard]] PoolImages images();

private:
    [[nodiscard]] BlockDevice& handle(DeviceId id);

    PowerSupply power_;
    VolatileDevice metadata_;
    VolatileDevice data_;
    FaultyDevice metadata_faults_{metadata_};
    FaultyDevice data_faults_{data_};
    History history_;
    std::unique_ptr<ThinPool> pool_;
    std::map<DeviceId, std::unique_ptr<BlockDevice>> handles_;
    std::uint64_t next_pattern_ = 1;
};

} // namespace thinsnap::test
