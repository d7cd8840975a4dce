#include "thin/backup.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"
#include "base/crc32c.hpp"
#include "thin/format/backup_disk.hpp"
#include "thin/reachable_blocks.hpp"

namespace thinsnap::thin {

namespace {

using pdata::kBlockSize;

using Write = std::function<void(std::span<const std::byte>)>;

template <class Disk>
std::span<const std::byte> bytes_of(const Disk& disk) {
    return std::as_bytes(std::span(&disk, 1));
}

/// Checksum of a header or trailer, which stands at its end.
template <class Disk>
std::uint32_t checksum_of(const Disk& disk, std::uint32_t before) {
    return crc32c_raw(bytes_of(disk).first(sizeof disk - sizeof(Le32)), before);
}

BackupHeaderDisk make_header(const Superblock& superblock, std::uint64_t nr_records) {
    BackupHeaderDisk header;
    header.magic = kBackupMagic;
    header.version = kBackupVersion;
    header.header_size = std::uint32_t{sizeof header};
    header.uuid = superblock.uuid;
    header.transaction_id = superblock.transaction_id.value();
    header.time = superblock.time;
    header.chunk_sectors = superblock.chunk_sectors;
    header.nr_data_chunks = superblock.data_space_map.nr_blocks;
    header.nr_metadata_blocks = superblock.metadata_space_map.nr_blocks;
    header.nr_records = nr_records;
    header.csum = checksum_of(header, kCrc32cStart);
    return header;
}

/// Passes a backup's bytes on and sums them up.
class Writer {
public:
    explicit Writer(const Write& write)
        : write_(write) {}

    void put(std::span<const std::byte> bytes) {
        checksum_ = crc32c_raw(bytes, checksum_);
        write_(bytes);
    }

    void put_record(std::uint64_t block, pdata::ConstBlockBytes bytes) {
        std::ranges::copy(bytes, record_.begin() + sizeof block);
        store_le<std::uint64_t>(record_, 0, block);
        put(record_);
    }

    void put_trailer(std::uint64_t nr_records) {
        BackupTrailerDisk trailer;
        trailer.magic = kBackupEndMagic;
        trailer.nr_records = nr_records;
        trailer.csum = checksum_of(trailer, checksum_);
        write_(bytes_of(trailer));
    }

private:
    const Write& write_;
    std::uint32_t checksum_ = kCrc32cStart;
    std::vector<std::byte> record_ = std::vector<std::byte>(kBackupRecordSize);
};

/// Reads runs of blocks past the cache: they are wanted once.
void put_blocks(BlockDevice& device, const ReachableBlocks& blocks, Writer& writer) {
    constexpr std::uint64_t at_once = 256;
    AlignedBuffer buffer(at_once * kBlockSize);
    for (std::uint64_t from = 1; from < blocks.end();) {
        std::uint64_t to = from;
        while (to < blocks.end() && to - from < at_once && blocks.kind_of(to))
            ++to;
        const auto run = buffer.bytes().first((to - from) * kBlockSize);
        if (!run.empty())
            device.read(from * kBlockSize, run);
        for (std::uint64_t block = from; block < to; ++block) {
            const auto bytes = run.subspan((block - from) * kBlockSize).first<kBlockSize>();
            pdata::validate(*blocks.kind_of(block), MetaBlock(block), bytes);
            writer.put_record(block, bytes);
        }
        from = std::max(to, from + 1);
    }
}

} // namespace

std::uint64_t write_backup(MetadataView& view, const Write& write) {
    const Superblock& superblock = view.superblock();
    if (superblock.metadata_space_map.nr_blocks == 0)
        throw Error(Errc::invalid_argument,
                    "a metadata snapshot has no space maps: it cannot be backed up by itself");
    const ReachableBlocks blocks(view.cache(), superblock);
    Writer writer(write);
    writer.put(bytes_of(make_header(superblock, blocks.count())));
    AlignedBuffer block0(kBlockSize);
    pack(superblock, block0.bytes().first<kBlockSize>());
    writer.put_record(0, block0.bytes().first<kBlockSize>());
    put_blocks(view.cache().device(), blocks, writer);
    writer.put_trailer(blocks.count());
    return blocks.count();
}

} // namespace thinsnap::thin
