#include "attach/revoked_device.hpp"

#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

RevokedDevice::RevokedDevice(std::string name, std::uint64_t size)
    : name_(std::move(name))
    , size_(size) {}

void RevokedDevice::fail() const {
    throw Error(Errc::io, fmt::format("'{}' was taken away", name_));
}

void RevokedDevice::read(std::uint64_t /*offset*/, std::span<std::byte> /*into*/) {
    fail();
}

void RevokedDevice::write(std::uint64_t /*offset*/, std::span<const std::byte> /*from*/) {
    fail();
}

void RevokedDevice::flush() {
    fail();
}

void RevokedDevice::discard(std::uint64_t /*offset*/, std::uint64_t /*length*/) {
    fail();
}

void RevokedDevice::allocate(std::uint64_t /*offset*/, std::uint64_t /*length*/) {
    fail();
}

void RevokedDevice::write_zeros(std::uint64_t /*offset*/, std::uint64_t /*length*/) {
    fail();
}

} // namespace thinsnap::attach
