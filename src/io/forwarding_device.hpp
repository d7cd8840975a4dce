#pragma once

#include <thinsnap/block_device.hpp>

namespace thinsnap::io {

/// Passes every call on to another device: the base of devices that change what one or two of them
/// do. write_gather() is left as it is, so each piece passes write().
class ForwardingDevice : public BlockDevice {
public:
    /// \param inner  must outlive this
    explicit ForwardingDevice(BlockDevice& inner)
        : inner_(inner) {}

    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return inner_.alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override {
        inner_.read(offset, into);
    }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        inner_.write(offset, from);
    }
    void flush() override { inner_.flush(); }
    void discard(std::uint64_t offset, std::uint64_t length) override {
        inner_.discard(offset, length);
    }
    void allocate(std::uint64_t offset, std::uint64_t length) override {
        inner_.allocate(offset, length);
    }
    void write_zeros(std::uint64_t offset, std::uint64_t length) override {
        inner_.write_zeros(offset, length);
    }

protected:
    [[nodiscard]] BlockDevice& inner() const noexcept { return inner_; }

private:
    BlockDevice& inner_;
};

} // namespace thinsnap::io
