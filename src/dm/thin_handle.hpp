#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <thinsnap/block_device.hpp>
#include <thinsnap/error.hpp>
#include <thinsnap/thin_pool.hpp>

#include "dm/internal_devices.hpp"

namespace thinsnap::dm {

/// One handle of an open thin device: the mapped device, by bytes and within bounds.
class ThinHandle final : public BlockDevice {
public:
    struct Parts {
        std::uint64_t chunk_size;
        std::chrono::milliseconds no_space_wait;
        /// Unmaps whole chunks, [begin, end) in bytes.
        std::function<void(std::uint64_t begin, std::uint64_t end)> unmap;
        /// Commits the pool, which may give it space again. \throws Error
        std::function<void()> commit;
        /// The kernel tells EIO for much: what it means for the pool, if it means something.
        std::function<std::optional<Error>()> explain;
        std::function<void()> closed;
    };

    ThinHandle(Parts parts, std::shared_ptr<OpenThin> thin, OpenDevice how);
    ThinHandle(const ThinHandle&) = delete;
    ThinHandle& operator=(const ThinHandle&) = delete;
    ~ThinHandle() override;

    [[nodiscard]] std::uint64_t size() const override { return how_.size; }
    [[nodiscard]] std::uint64_t alignment() const override { return 1; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

private:
    void check_range(std::uint64_t offset, std::uint64_t length, const char* action) const;
    void check_change(std::uint64_t offset, std::uint64_t length, const char* action) const;
    /// Whole blocks to the mapped device, with the patience that the pool was told to have.
    void write_blocks(std::uint64_t offset, std::span<const std::byte> from);
    /// Part of one block.
    void patch(std::uint64_t offset, std::span<const std::byte> from);
    void write_locked(std::uint64_t offset, std::span<const std::byte> from);
    void zero_part(std::uint64_t offset, std::uint64_t length);

    const Parts parts_;
    const std::shared_ptr<OpenThin> thin_;
    const OpenDevice how_;
};

} // namespace thinsnap::dm
