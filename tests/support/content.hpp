#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/block_device.hpp>
#include <thinsnap/error.hpp>
#include <thinsnap/thin_pool.hpp>

/// \file
/// What tests of devices and pools write, and how they look at what came of it.

namespace thinsnap::test {

/// The bytes that the pattern `seed` has at [offset, offset + length).
[[nodiscard]] std::vector<std::byte>
pattern(std::uint64_t seed, std::uint64_t offset, std::size_t length);

/// Writes the pattern `seed` where it belongs: its byte `offset` at the device's byte `offset`.
void write_pattern(BlockDevice& device,
                   std::uint64_t seed,
                   std::uint64_t offset,
                   std::size_t length);
[[nodiscard]] bool
holds_pattern(BlockDevice& device, std::uint64_t seed, std::uint64_t offset, std::size_t length);
[[nodiscard]] bool holds_zeros(BlockDevice& device, std::uint64_t offset, std::size_t length);

/// What kind of Error came of it; nothing when it went well.
[[nodiscard]] std::optional<Errc> failure_of(const std::function<void()>& action);
/// The text of the Error that came of it; empty when it went well.
[[nodiscard]] std::string message_of(const std::function<void()>& action);

/// Applies the operations and moves the transaction id on by one.
void apply_all(ThinPool& pool, std::initializer_list<PoolOperation> operations);
void apply_all(ThinPool& pool, const std::vector<PoolOperation>& operations);

[[nodiscard]] std::vector<DeviceId> device_ids(ThinPool& pool);
[[nodiscard]] std::optional<DeviceInfo> device_info(ThinPool& pool, DeviceId id);

} // namespace thinsnap::test
