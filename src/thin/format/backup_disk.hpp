#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/endian.hpp"
#include "pdata/block.hpp"

/// \file
/// A backup of a pool's metadata, version 1. Integers are little-endian.
///
///     header      80 bytes, once
///     record    4104 bytes, for each metadata block in use, by ascending number
///     trailer     24 bytes, once, and nothing behind it
///
/// A record is a block's number and its 4096 bytes as they stand on the metadata device, with the
/// block's own checksum. The first record is block 0, the superblock; its roots and its held root
/// lead to every other block of the backup, and to no block that is not in it. Blocks that are not
/// in the backup were free.
///
/// Checksums are CRC-32C (Castagnoli), started at 0xFFFFFFFF and not inverted at the end, as in the
/// metadata itself.

namespace thinsnap::thin {

inline constexpr std::array<char, 8> kBackupMagic = {'t', 's', 'm', 'e', 't', 'a', 'b', 'k'};
inline constexpr std::array<char, 8> kBackupEndMagic = {'t', 's', 'm', 'e', 't', 'a', 'e', 'n'};
inline constexpr std::uint32_t kBackupVersion = 1;

struct BackupHeaderDisk {
    std::array<char, 8> magic{};
    Le32 version;
    Le32 header_size; ///< 80; a later version may have more
    std::array<std::byte, 16> uuid{};
    Le64 transaction_id;
    Le32 time;
    Le32 chunk_sectors;
    Le64 nr_data_chunks;
    Le64 nr_metadata_blocks; ///< size of the metadata space map
    Le64 nr_records;
    Le32 reserved; ///< 0
    Le32 csum;     ///< of all before it
};
static_assert(sizeof(BackupHeaderDisk) == 80);
static_assert(alignof(BackupHeaderDisk) == 1);
static_assert(offsetof(BackupHeaderDisk, nr_records) == 64);

struct BackupTrailerDisk {
    std::array<char, 8> magic{};
    Le64 nr_records;
    Le32 reserved; ///< 0
    Le32 csum;     ///< of all before it, from the start of the file
};
static_assert(sizeof(BackupTrailerDisk) == 24);
static_assert(alignof(BackupTrailerDisk) == 1);

inline constexpr std::size_t kBackupRecordSize = sizeof(std::uint64_t) + pdata::kBlockSize;

} // namespace thinsnap::thin
