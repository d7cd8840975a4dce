#pragma once

#include <cstdint>

#include <thinsnap/block_device.hpp>

#include "base/uuid.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin {

/// The kernel fails on the first device of a pool with 12 blocks; LVM's minimum is this, and ours.
inline constexpr std::uint64_t kMinMetadataSize = 2U << 20U;

/// Layout of a new pool.
struct FormatOptions {
    std::uint64_t chunk_size = kMinChunkSize; ///< bytes
    std::uint64_t nr_data_chunks = 0;
    Uuid uuid{};
};

/// Bytes of metadata that a pool of that size should have: 48 for each chunk as the kernel's
/// document advises, at least 2 MiB, at most what the format can use. Source: Linux
/// Documentation/admin-guide/device-mapper/thin-provisioning.rst.
[[nodiscard]] std::uint64_t default_metadata_size(std::uint64_t data_bytes,
                                                  std::uint64_t chunk_size);

/// Writes an empty pool over the metadata device; its old content is lost.
/// \throws Error(invalid_argument)  sizes that the format cannot hold, or a device under 2 MiB
void format_pool(BlockDevice& metadata, const FormatOptions& options);

} // namespace thinsnap::thin
