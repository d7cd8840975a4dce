#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <thinsnap/thin_pool.hpp>

#include "thin/pool_metadata.hpp"

namespace thinsnap::engine {

/// How an embedded pool behaves; sizes in bytes.
struct EngineOptions {
    std::size_t metadata_cache = 64U << 20U; ///< metadata blocks kept in memory
    std::size_t mapping_cache = 8U << 20U;   ///< mappings kept decoded, beside it
    /// A writer that finds no data space waits this long for a delete or a grow, then gets
    /// Error(no_space). 0: at once.
    std::chrono::milliseconds no_space_wait{0};
    double low_water = 0.10; ///< share of either space below which status() warns
    [[nodiscard]] std::uint64_t low_water_of(std::uint64_t total) const noexcept {
        return static_cast<std::uint64_t>(static_cast<double>(total) * low_water);
    }
    double reserve = 0.02;  ///< share of either space below which new devices are refused
    bool read_only = false; ///< nothing is written, not even a flag
};

/// A thin pool in user space: the kernel's dm-thin metadata on one block device, chunks on another.
///
/// Who makes one makes sure that nobody else uses the two devices (see PoolLock). The devices must
/// outlive the pool. Its destructor commits nothing: call commit() to keep what was not flushed.
///
/// Commit order, each step checked: data flushed and, at the same time, all changed metadata blocks
/// written and flushed; then the superblock, which makes them count, written and flushed. Chunks
/// freed by a commit are discarded on the data device after it, and are reused only after that.
///
/// If a commit or a flush fails, the pool is read-only from then on (PoolStatus::reason), with the
/// needs_check flag set on disk where that is possible; reads go on.
///
/// Threads: all calls from any thread. Lock order: a device's chunk ranges, transaction, tree,
/// cache.
///
/// \throws see thin::read_superblock(); Error(invalid_argument) when the data device is shorter
/// than
///         the metadata says, with both numbers
[[nodiscard]] std::unique_ptr<ThinPool>
open_embedded_pool(BlockDevice& metadata, BlockDevice& data, const EngineOptions& options = {});

} // namespace thinsnap::engine
