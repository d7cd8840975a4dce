#pragma once

#include <thinsnap/block_device.hpp>

namespace thinsnap::app {

/// A device for work that only reads (a check, a dump, a backup of large metadata): a signal ends
/// that work at its next read, by way of Interrupted.
class InterruptibleDevice final : public BlockDevice {
public:
    /// \param device  must outlive this
    explicit InterruptibleDevice(BlockDevice& device)
        : device_(device) {}

    [[nodiscard]] std::uint64_t size() const override { return device_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return device_.alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        device_.write(offset, from);
    }
    void flush() override { device_.flush(); }
    void discard(std::uint64_t offset, std::uint64_t length) override {
        device_.discard(offset, length);
    }
    void allocate(std::uint64_t offset, std::uint64_t length) override {
        device_.allocate(offset, length);
    }
    void write_zeros(std::uint64_t offset, std::uint64_t length) override {
        device_.write_zeros(offset, length);
    }

private:
    BlockDevice& device_;
};

} // namespace thinsnap::app
