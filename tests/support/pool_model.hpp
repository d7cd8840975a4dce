#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "support/sparse_bytes.hpp"

namespace thinsnap::test {

/// What a pool must hold: each device's bytes, which of its chunks are mapped, and which chunks are
/// one and the same for several devices. Knows nothing of how a pool does it.
///
/// Snapshots and copies share pages; an operation costs what it writes, a snapshot or a copy of the
/// whole one pointer for each page.
/// Preconditions are the caller's: the ids named exist, or are new.
class PoolModel {
public:
    explicit PoolModel(std::uint64_t chunk_size)
        : chunk_size_(chunk_size) {}

    void create(DeviceId id);
    void snapshot(DeviceId id, DeviceId origin);
    void remove(DeviceId id);
    void apply(const PoolOperation& operation);

    void write(DeviceId id, std::uint64_t offset, std::span<const std::byte> bytes);
    /// Unmaps the chunks that the range covers entirely.
    void discard(DeviceId id, std::uint64_t offset, std::uint64_t length);

    [[nodiscard]] bool exists(DeviceId id) const { return devices_.contains(id); }
    [[nodiscard]] std::vector<DeviceId> devices() const; ///< ascending
    [[nodiscard]] const SparseBytes& content(DeviceId id) const;
    [[nodiscard]] bool is_mapped(DeviceId id, std::uint64_t chunk) const;
    /// Mapped, and by another device too.
    [[nodiscard]] bool is_shared(DeviceId id, std::uint64_t chunk) const;
    [[nodiscard]] DeviceUsage usage(DeviceId id) const;
    /// As ReadView::diff() must tell it.
    [[nodiscard]] std::vector<DiffRun> diff(DeviceId left, DeviceId right) const;
    /// Chunks of the data device that all of this needs if sharing is exact.
    [[nodiscard]] std::uint64_t used_chunks() const { return owners_.size(); }
    [[nodiscard]] std::uint64_t chunk_size() const noexcept { return chunk_size_; }
    /// Chunks that a write to the range would newly need.
    [[nodiscard]] std::uint64_t
    chunks_to_allocate(DeviceId id, std::uint64_t offset, std::uint64_t length) const;

private:
    using Token = std::uint64_t; ///< stands for a chunk of the data device

    struct Device {
        SparseBytes content{std::uint64_t{1} << 62U};
        std::map<std::uint64_t, Token> chunks;
    };

    void own(Device& device, std::uint64_t chunk);
    void give_up(Token token);

    std::uint64_t chunk_size_;
    std::map<DeviceId, Device> devices_;
    std::unordered_map<Token, std::uint64_t> owners_;
    Token next_ = 0;
};

} // namespace thinsnap::test
