#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/mutex.hpp"
#include "thin/mapping.hpp"

namespace thinsnap::engine {

/// Decoded mappings of open devices, so that reads and in-place writes of chunks used lately touch
/// neither the metadata trees nor their lock. Fixed memory, all taken at the start, though the
/// system provides its pages when they are first used; a newer entry replaces an older one in its
/// place.
///
/// Whoever changes a mapping holds the chunk's range exclusively and tells the cache before letting
/// go; whoever fills it in holds the range shared. So an entry is never older than its mapping.
/// Devices are known by an instance number that changes whenever a device's entries must not be
/// believed any more.
class MappingCache {
public:
    /// A chunk is mapped, or known to be unmapped.
    using Entry = std::optional<thin::Mapping>;

    /// \param bytes  memory to use, 16 for each mapping
    explicit MappingCache(std::size_t bytes);

    /// A number for a device that was never given out before.
    [[nodiscard]] std::uint64_t new_instance();

    /// \return nothing when the cache does not know
    [[nodiscard]] std::optional<Entry> find(std::uint64_t instance, VirtualChunk chunk);
    void put(std::uint64_t instance, VirtualChunk chunk, const Entry& entry);
    void forget(std::uint64_t instance, VirtualChunk chunk);
    void clear();

private:
    static constexpr std::size_t kShards = 64;
    static constexpr unsigned kChunkBits = 40;

    struct Slot {
        std::uint64_t key = 0; ///< instance and chunk; 0 is never used
        std::uint64_t value = 0;
    };
    struct alignas(64) Shard {
        Mutex mutex;
        std::span<Slot> slots TS_GUARDED_BY(mutex); ///< of memory_
    };
    struct Free {
        void operator()(Slot* slots) const noexcept;
    };
    struct Place {
        Shard& shard;
        std::size_t slot;
        std::uint64_t key;
    };

    [[nodiscard]] std::optional<Place> place_of(std::uint64_t instance, VirtualChunk chunk);

    std::array<Shard, kShards> shards_;
    std::size_t slots_per_shard_;
    std::unique_ptr<Slot, Free> memory_;
    std::atomic<std::uint64_t> next_instance_ = 1;
};

} // namespace thinsnap::engine
