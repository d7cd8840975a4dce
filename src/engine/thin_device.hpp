#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <thinsnap/block_device.hpp>
#include <thinsnap/thin_pool.hpp>

#include "engine/metadata_store.hpp"
#include "engine/range_lock.hpp"

namespace thinsnap::engine {

/// What all handles of one open device have in common. Shared by the handles and the pool's list.
struct DeviceState {
    DeviceState(DeviceId device_id, std::uint64_t cache_instance, std::uint32_t time)
        : id(device_id)
        , instance(cache_instance)
        , snapshotted_time(time) {}

    const DeviceId id;
    RangeLock ranges;
    /// Key in the mapping cache; a new one makes it forget the device.
    std::atomic<std::uint64_t> instance;
    /// Mappings older than this look shared. Changes only while all ranges are locked.
    std::atomic<std::uint32_t> snapshotted_time;
    /// Last transaction that changed a mapping; 0 for none.
    std::atomic<std::uint64_t> changed_in = 0;
    unsigned handles = 0; ///< guarded by the pool's list
};

/// One handle of an open thin device.
///
/// A write first tries to find every chunk mapped and its own; then it needs only the shared lock
/// of its range and one pwrite. Else it locks the range exclusively, finds new chunks, writes the
/// data to them, and only then maps them: so a crash never shows a mapping to data that is not
/// there.
class ThinDevice final : public BlockDevice {
public:
    struct Parts {
        MetadataStore& store;
        BackingStore& backing;
        std::function<void(bool commit)> flush; ///< of the pool, shared with other devices
        std::chrono::milliseconds no_space_wait;
    };

    ThinDevice(Parts parts,
               std::shared_ptr<DeviceState> state,
               OpenDevice how,
               std::function<void()> closed);
    ThinDevice(const ThinDevice&) = delete;
    ThinDevice& operator=(const ThinDevice&) = delete;
    ~ThinDevice() override;

    [[nodiscard]] std::uint64_t size() const override { return how_.size; }
    [[nodiscard]] std::uint64_t alignment() const override { return 1; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    /// Gives the device chunks of its own where the range has shared ones or none, as a write does:
    /// later writes there copy nothing, until there is a snapshot again.
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

private:
    /// A write within bounds: where it starts, and the chunks that it touches. With no data it only
    /// wants chunks of its own there.
    struct Span {
        std::uint64_t offset = 0;
        std::span<const std::byte> data;
        std::uint64_t begin = 0; ///< first chunk
        std::uint64_t end = 0;   ///< behind the last chunk
    };
    /// Where one chunk of a span goes.
    struct Target {
        thin::WritePlan plan;
        DataChunk chunk;     ///< `plan.mapping.chunk`, or the new one
        bool mapped = false; ///< the new chunk is no reservation any more
        [[nodiscard]] bool is_new() const { return plan.kind != thin::WritePlan::Kind::in_place; }
        /// What a new chunk is filled from; nothing means zeros.
        [[nodiscard]] std::optional<DataChunk> old_chunk() const {
            return plan.kind == thin::WritePlan::Kind::copy ? std::optional(plan.mapping.chunk)
                                                            : std::nullopt;
        }
    };
    enum class Outcome : std::uint8_t { done, commit_first, no_space };

    [[nodiscard]] Span span_of(std::uint64_t offset, std::span<const std::byte> data) const;
    void check_writable(const char* action) const;
    void check_range(std::uint64_t offset, std::uint64_t length, const char* action) const;
    [[nodiscard]] MappingCache::Entry resolve(std::uint64_t chunk);
    void read_locked(std::uint64_t offset, std::span<std::byte> into);

    [[nodiscard]] bool write_in_place(const Span& span);
    /// The same with the span locked already.
    [[nodiscard]] bool write_in_place_locked(const Span& span);
    /// Writes where that takes new chunks; waits for space as long as the pool's options say.
    void place(std::uint64_t offset, std::span<const std::byte> data);
    /// Tries until it is done, with the span locked each time.
    void place(const Span& span, const std::function<Outcome()>& try_once);
    [[nodiscard]] Outcome try_place(const Span& span);
    [[nodiscard]] Outcome plan(const Span& span, std::vector<Target>& targets);
    [[nodiscard]] static bool reserve(thin::PoolMetadata& metadata, std::vector<Target>& targets);
    void cancel(const std::vector<Target>& targets) noexcept;
    void ensure_space(const std::vector<Target>& targets);
    void write_targets(const Span& span, const std::vector<Target>& targets);
    void map_targets(const Span& span, std::vector<Target>& targets);
    [[noreturn]] void refuse_no_space();
    void forget(std::uint64_t begin, std::uint64_t end);
    /// Zeros over a part of a chunk. What reads as zeros already stays as it is, unmapped or
    /// shared: a discard beneath a loop device comes as zeros, and must not take space.
    void zero_part(std::uint64_t offset, std::uint64_t length);

    Parts parts_;
    std::shared_ptr<DeviceState> state_;
    OpenDevice how_;
    std::function<void()> closed_;
    const std::uint64_t chunk_size_;
};

} // namespace thinsnap::engine
