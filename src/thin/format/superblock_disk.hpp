#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/endian.hpp"

/// \file
/// Block 0 of the metadata device, as the kernel lays it out.
/// Source: Linux drivers/md/dm-thin-metadata.c, struct thin_disk_superblock.

namespace thinsnap::thin {

inline constexpr std::uint64_t kSuperblockMagic = 27022010; // THIN_SUPERBLOCK_MAGIC
inline constexpr std::uint32_t kFormatVersion = 2;          // THIN_VERSION
inline constexpr std::uint32_t kNeedsCheckFlag = 1;         // THIN_METADATA_NEEDS_CHECK_FLAG
inline constexpr std::uint32_t kSectorSize = 512;

struct SuperblockDisk {
    Le32 csum;
    Le32 flags;
    Le64 blocknr;
    std::array<std::byte, 16> uuid{};
    Le64 magic;
    Le32 version;
    Le32 time;
    Le64 trans_id;
    Le64 held_root;
    std::array<std::byte, 128>
        data_space_map_root{}; ///< the first 32 bytes count; the rest is garbage
    std::array<std::byte, 128> metadata_space_map_root{};
    Le64 data_mapping_root;
    Le64 device_details_root;
    Le32 data_block_size;     ///< sectors
    Le32 metadata_block_size; ///< sectors, 8
    Le64 metadata_nr_blocks;  ///< as formatted; stale after growth
    Le32 compat_flags;
    Le32 compat_ro_flags;
    Le32 incompat_flags;
};

static_assert(sizeof(SuperblockDisk) == 364);
static_assert(alignof(SuperblockDisk) == 1);
static_assert(offsetof(SuperblockDisk, magic) == 32);
static_assert(offsetof(SuperblockDisk, trans_id) == 48);
static_assert(offsetof(SuperblockDisk, data_space_map_root) == 64);
static_assert(offsetof(SuperblockDisk, metadata_space_map_root) == 192);
static_assert(offsetof(SuperblockDisk, data_mapping_root) == 320);
static_assert(offsetof(SuperblockDisk, data_block_size) == 336);
static_assert(offsetof(SuperblockDisk, incompat_flags) == 360);

/// Value of the device details tree. Source: struct disk_device_details.
struct DeviceDetailsDisk {
    Le64 mapped_blocks;
    Le64 transaction_id;
    Le32 creation_time;
    Le32 snapshotted_time;
};
static_assert(sizeof(DeviceDetailsDisk) == 24);

} // namespace thinsnap::thin
