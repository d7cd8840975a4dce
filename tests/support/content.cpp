#include "support/content.hpp"

#include <algorithm>

#include "support/random.hpp"

namespace thinsnap::test {

namespace {

std::vector<std::byte> read(BlockDevice& device, std::uint64_t offset, std::size_t length) {
    std::vector<std::byte> bytes(length, std::byte{0xEE});
    device.read(offset, bytes);
    return bytes;
}

} // namespace

std::vector<std::byte> pattern(std::uint64_t seed, std::uint64_t offset, std::size_t length) {
    std::vector<std::byte> bytes(length);
    fill_pattern(bytes, seed, offset);
    return bytes;
}

void write_pattern(BlockDevice& device,
                   std::uint64_t seed,
                   std::uint64_t offset,
                   std::size_t length) {
    device.write(offset, pattern(seed, offset, length));
}

bool holds_pattern(BlockDevice& device,
                   std::uint64_t seed,
                   std::uint64_t offset,
                   std::size_t length) {
    return read(device, offset, length) == pattern(seed, offset, length);
}

bool holds_zeros(BlockDevice& device, std::uint64_t offset, std::size_t length) {
    return std::ranges::all_of(read(device, offset, length),
                               [](std::byte b) { return b == std::byte{0}; });
}

std::optional<Errc> failure_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.kind();
    }
    return std::nullopt;
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

void apply_all(ThinPool& pool, std::initializer_list<PoolOperation> operations) {
    apply_all(pool, std::vector<PoolOperation>(operations));
}

void apply_all(ThinPool& pool, const std::vector<PoolOperation>& operations) {
    const TransactionId now = pool.status().transaction_id;
    pool.apply(operations, now, now + 1);
}

std::vector<DeviceId> device_ids(ThinPool& pool) {
    std::vector<DeviceId> ids;
    pool.read_view()->for_each_device([&](const DeviceInfo& info) { ids.push_back(info.id); });
    return ids;
}

std::optional<DeviceInfo> device_info(ThinPool& pool, DeviceId id) {
    return pool.read_view()->find_device(id);
}

} // namespace thinsnap::test
