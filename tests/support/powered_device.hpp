#pragma once

#include <cerrno>

#include <thinsnap/error.hpp>

#include "support/volatile_device.hpp"

namespace thinsnap::test {

/// A VolatileDevice as it is seen where a PowerCut must not pass, such as a thread that answers the
/// kernel: once the power is off everything fails with EIO.
class PoweredDevice final : public BlockDevice {
public:
    /// \param inner  must outlive this
    explicit PoweredDevice(VolatileDevice& inner)
        : inner_(inner) {}

    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return inner_.alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override {
        attempt([&] { inner_.read(offset, into); });
    }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        attempt([&] { inner_.write(offset, from); });
    }
    void flush() override {
        attempt([&] { inner_.flush(); });
    }
    void discard(std::uint64_t offset, std::uint64_t length) override {
        attempt([&] { inner_.discard(offset, length); });
    }
    void allocate(std::uint64_t offset, std::uint64_t length) override {
        attempt([&] { inner_.allocate(offset, length); });
    }
    void write_zeros(std::uint64_t offset, std::uint64_t length) override {
        attempt([&] { inner_.write_zeros(offset, length); });
    }

private:
    template <class Work>
    static void attempt(Work work) {
        try {
            work();
        } catch (const PowerCut&) {
            throw SystemError(EIO, "using a disk without power");
        }
    }

    VolatileDevice& inner_;
};

} // namespace thinsnap::test
