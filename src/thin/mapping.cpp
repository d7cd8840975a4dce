#include "thin/mapping.hpp"

#include <cstring>

namespace thinsnap::thin {

DeviceInfo unpack_details(DeviceId id, std::span<const std::byte> bytes) {
    DeviceDetailsDisk disk;
    std::memcpy(&disk, bytes.first<sizeof disk>().data(), sizeof disk);
    return {.id = id,
            .mapped_chunks = disk.mapped_blocks.get(),
            .transaction_id = TransactionId(disk.transaction_id.get()),
            .creation_time = disk.creation_time.get(),
            .snapshotted_time = disk.snapshotted_time.get()};
}

void pack_details(const DeviceInfo& info, std::span<std::byte> into) {
    DeviceDetailsDisk disk;
    disk.mapped_blocks = info.mapped_chunks;
    disk.transaction_id = info.transaction_id.value();
    disk.creation_time = info.creation_time;
    disk.snapshotted_time = info.snapshotted_time;
    std::memcpy(into.first<sizeof disk>().data(), &disk, sizeof disk);
}

} // namespace thinsnap::thin
