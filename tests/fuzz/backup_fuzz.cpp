// Backups with right checksums and wrong content: they are refused by an Error, or restored to
// something that can be checked.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "io/scratch_device.hpp"
#include "pdata/bitmap.hpp"
#include "thin/backup.hpp"
#include "thin/check.hpp"
#include "thin/format/backup_disk.hpp"
#include "thin/format/superblock_disk.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

constexpr std::size_t kHeader = sizeof(thin::BackupHeaderDisk);
constexpr std::size_t kTrailer = sizeof(thin::BackupTrailerDisk);

/// Block 0 becomes a superblock, and the header says of it what it says itself.
void complete_superblock(std::span<std::byte> bytes) {
    const auto block = bytes.subspan(kHeader + sizeof(std::uint64_t)).first<pdata::kBlockSize>();
    store_le<std::uint64_t>(bytes, kHeader, 0);
    store_le<std::uint64_t>(block, offsetof(thin::SuperblockDisk, magic), thin::kSuperblockMagic);
    pdata::seal(pdata::BlockKind::superblock, MetaBlock(0), block);
    thin::SuperblockDisk superblock;
    std::memcpy(&superblock, block.data(), sizeof superblock);
    thin::BackupHeaderDisk header;
    std::memcpy(&header, bytes.data(), sizeof header);
    header.uuid = superblock.uuid;
    header.transaction_id = superblock.trans_id;
    header.time = superblock.time;
    header.chunk_sectors = superblock.data_block_size;
    header.nr_data_chunks = pdata::SpaceMapRoot::unpack(superblock.data_space_map_root).nr_blocks;
    header.nr_metadata_blocks =
        pdata::SpaceMapRoot::unpack(superblock.metadata_space_map_root).nr_blocks;
    std::memcpy(bytes.data(), &header, sizeof header);
}

/// Makes right what a fuzzer would hardly find by itself.
void complete(std::span<std::byte> bytes) {
    const std::uint64_t records = (bytes.size() - kHeader - kTrailer) / thin::kBackupRecordSize;
    if (records > 0)
        complete_superblock(bytes);
    std::ranges::copy(std::as_bytes(std::span(thin::kBackupMagic)), bytes.begin());
    store_le<std::uint32_t>(bytes, 8, thin::kBackupVersion);
    store_le<std::uint32_t>(bytes, 12, kHeader);
    store_le<std::uint64_t>(bytes, 64, records);
    store_le<std::uint32_t>(bytes, kHeader - 4, crc32c_raw(bytes.first(kHeader - 4)));
    for (std::uint64_t i = 1; i < records; ++i) {
        const auto record = bytes.subspan(kHeader + i * thin::kBackupRecordSize);
        store_le<std::uint64_t>(record, 16, load_le<std::uint64_t>(record, 0));
    }
    const auto trailer = bytes.last(kTrailer);
    std::ranges::copy(std::as_bytes(std::span(thin::kBackupEndMagic)), trailer.begin());
    store_le<std::uint64_t>(trailer, 8, records);
    store_le<std::uint32_t>(trailer, kTrailer - 4, crc32c_raw(bytes.first(bytes.size() - 4)));
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    if (input.empty())
        return 0;
    const bool as_it_is = (std::to_integer<unsigned>(input.front()) & 1U) != 0;
    std::vector<std::byte> backup(input.begin() + 1, input.end());
    if (!as_it_is && backup.size() >= kHeader + kTrailer)
        complete(backup);
    io::ScratchDevice file(backup);
    io::ScratchDevice device(std::uint64_t{64} * pdata::kBlockSize);
    try {
        (void)thin::restore_backup(file, device);
    } catch (const Error&) {
        return 0;
    }
    (void)thin::check_metadata(device, {}, {});
    return 0;
}

} // namespace thinsnap::test
