#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include <thinsnap/block_device.hpp>
#include <thinsnap/types.hpp>

#include "thin/metadata_view.hpp"

/// \file
/// A copy of a pool's metadata to keep elsewhere: every metadata block that is in use, with sharing
/// kept as it is (an XML dump loses it). The format is described in thinsnap-format(5) and
/// thin/format/backup_disk.hpp.

namespace thinsnap::thin {

/// Writes a backup of the committed metadata that `view` shows.
/// \param write  takes the bytes piece by piece
/// \return number of metadata blocks in it
/// \throws CorruptionError  the metadata is damaged; what was written is not a backup
std::uint64_t write_backup(MetadataView& view,
                           const std::function<void(std::span<const std::byte>)>& write);

/// What a backup says of itself.
struct BackupInfo {
    Uuid uuid{};
    TransactionId transaction_id;
    std::uint32_t time = 0;
    std::uint64_t chunk_size = 0; ///< bytes
    std::uint64_t nr_data_chunks = 0;
    std::uint64_t nr_metadata_blocks =
        0;                       ///< size of the metadata device that it needs, 4 KiB blocks
    std::uint64_t nr_blocks = 0; ///< blocks in the backup
};

/// Reads a backup twice: first all of it is verified (structure, numbers, the checksum over all),
/// then it is written to `device`. A backup that is cut or changed anywhere leaves the device
/// untouched. Blocks that are not in the backup keep what they hold: they are free.
///
/// While it writes, block 0 is neither the old superblock nor the new one: what a crash leaves is
/// refused by everybody, and a second restore mends it. The new block 0 is written last, after a
/// flush.
/// \param backup  the whole backup, nothing behind it
/// \param device  at least BackupInfo::nr_metadata_blocks long
/// \throws Error(corrupt)           what is wrong with the backup, with the offset
/// \throws Error(unsupported)       made by a later version
/// \throws Error(invalid_argument)  the device is too small, numbers in the text
/// Durability: all of it when it returns.
BackupInfo restore_backup(BlockDevice& backup, BlockDevice& device);

/// Verifies a backup without writing anything.
[[nodiscard]] BackupInfo inspect_backup(BlockDevice& backup);

} // namespace thinsnap::thin
