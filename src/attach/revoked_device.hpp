#pragma once

#include <cstdint>
#include <string>

#include <thinsnap/block_device.hpp>

namespace thinsnap::attach {

/// What stands in the place of a device that was taken away: every access fails (io).
/// Threads: all calls from any thread.
class RevokedDevice final : public BlockDevice {
public:
    /// \param name  of what it was, for messages
    /// \param size  as it was: who has it open goes on seeing it
    RevokedDevice(std::string name, std::uint64_t size);

    [[nodiscard]] std::uint64_t size() const override { return size_; }
    [[nodiscard]] std::uint64_t alignment() const override { return 1; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

private:
    [[noreturn]] void fail() const;

    std::string name_;
    std::uint64_t size_;
};

} // namespace thinsnap::attach
