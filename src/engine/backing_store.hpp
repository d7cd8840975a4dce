#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/mutex.hpp"
#include "pdata/data_space_map.hpp"

namespace thinsnap::engine {

/// The pool's data device by chunks: reads, writes, and the host's space beneath.
///
/// Space is taken before a chunk is mapped, in windows of some MiB, so that a full host disk shows
/// as ENOSPC to the writer that needs a new chunk and to nobody else. It is given back after the
/// commit that freed a chunk.
///
/// Threads: all calls from any thread.
class BackingStore {
public:
    /// \param data  must outlive the store
    BackingStore(BlockDevice& data, std::uint64_t chunk_size);

    [[nodiscard]] std::uint64_t chunk_size() const noexcept { return chunk_size_; }
    [[nodiscard]] BlockDevice& device() noexcept { return data_; }

    void read(DataChunk chunk, std::uint64_t offset, std::span<std::byte> into);
    /// \param offset  from the chunk's start; may reach into the neighbouring chunks behind
    void write(DataChunk chunk, std::uint64_t offset, std::span<const std::byte> from);

    /// Fills a new chunk: `data` at `offset`, and around it what `old` holds, or zeros.
    void fill(DataChunk chunk,
              std::optional<DataChunk> old,
              std::uint64_t offset,
              std::span<const std::byte> data);

    /// Makes sure that the host has the space. \throws SystemError(ENOSPC)
    void ensure(pdata::ChunkRun run);
    /// The content is not needed any more. A host that cannot take space back keeps it.
    void give_back(pdata::ChunkRun run);

    /// fdatasync, if anything was written since the last one. Returns when all that was written
    /// before the call is durable, whoever flushed it. \throws SystemError
    void flush();
    /// Whether flush() would ask the device.
    [[nodiscard]] bool has_unflushed() const noexcept {
        return written_.load(std::memory_order_acquire);
    }

private:
    /// Whether the host is known to have space for these bytes of the device.
    [[nodiscard]] bool has_space(std::uint64_t begin, std::uint64_t end) const TS_REQUIRES(mutex_);
    /// \param end  of a window
    void note_space(std::uint64_t begin, std::uint64_t end) TS_REQUIRES(mutex_);

    BlockDevice& data_;
    const std::uint64_t chunk_size_;
    const std::uint64_t window_size_;
    std::atomic<bool> written_ = false;
    Mutex flush_mutex_; ///< held through a flush of the device
    bool failed_ TS_GUARDED_BY(flush_mutex_) = false;
    Mutex mutex_;
    /// By window: from this byte of the device to the window's end the host has space.
    std::vector<std::uint64_t> space_from_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::engine
