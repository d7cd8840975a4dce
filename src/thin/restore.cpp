#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"
#include "base/crc32c.hpp"
#include "thin/backup.hpp"
#include "thin/format/backup_disk.hpp"
#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin {

namespace {

using pdata::kBlockSize;

[[noreturn]] void corrupt(std::uint64_t offset, const std::string& detail) {
    throw Error(Errc::corrupt, fmt::format("backup, at offset {}: {}", offset, detail));
}

template <class Disk>
std::span<std::byte> bytes_of(Disk& disk) {
    return std::as_writable_bytes(std::span(&disk, 1));
}

/// Neighbouring records as they were read.
struct Records {
    std::uint64_t offset = 0; ///< of the first in the backup
    std::span<const std::byte> bytes;

    [[nodiscard]] std::size_t size() const { return bytes.size() / kBackupRecordSize; }
    [[nodiscard]] std::uint64_t number(std::size_t i) const {
        return load_le<std::uint64_t>(bytes, i * kBackupRecordSize);
    }
    [[nodiscard]] pdata::ConstBlockBytes block(std::size_t i) const {
        return bytes.subspan(i * kBackupRecordSize + sizeof(std::uint64_t)).first<kBlockSize>();
    }
};

/// A backup as it lies in a file; believes nothing in it.
class BackupReader {
public:
    explicit BackupReader(BlockDevice& file)
        : file_(file) {
        read_header();
    }

    [[nodiscard]] BackupInfo info() const {
        BackupInfo info;
        info.uuid = header_.uuid;
        info.transaction_id = TransactionId(header_.transaction_id.get());
        info.time = header_.time.get();
        info.chunk_size = std::uint64_t{header_.chunk_sectors.get()} * kSectorSize;
        info.nr_data_chunks = header_.nr_data_chunks.get();
        info.nr_metadata_blocks = header_.nr_metadata_blocks.get();
        info.nr_blocks = header_.nr_records.get();
        return info;
    }

    /// Passes all records on, in pieces of about 1 MiB, then checks the trailer.
    void for_each(const std::function<void(const Records&)>& visit) {
        constexpr std::uint64_t at_once = 256;
        std::vector<std::byte> buffer(at_once * kBackupRecordSize);
        std::uint32_t checksum = crc32c_raw(bytes_of(header_));
        std::uint64_t offset = sizeof header_;
        for (std::uint64_t left = header_.nr_records.get(); left > 0;) {
            const std::uint64_t count = std::min(left, at_once);
            const auto bytes = std::span(buffer).first(count * kBackupRecordSize);
            file_.read(offset, bytes);
            checksum = crc32c_raw(bytes, checksum);
            visit({offset, bytes});
            offset += bytes.size();
            left -= count;
        }
        check_trailer(offset, checksum);
    }

private:
    void read_header();
    void check_header() const;
    void check_trailer(std::uint64_t offset, std::uint32_t checksum);

    BlockDevice& file_;
    BackupHeaderDisk header_;
};

void BackupReader::read_header() {
    if (file_.size() < sizeof header_ + sizeof(BackupTrailerDisk))
        corrupt(0, fmt::format("it has {} bytes, too few for a backup", file_.size()));
    file_.read(0, bytes_of(header_));
    if (header_.magic != kBackupMagic)
        corrupt(0, "this is no backup of a pool's metadata");
    if (header_.version.get() != kBackupVersion || header_.header_size.get() != sizeof header_)
        throw Error(Errc::unsupported,
                    fmt::format("the backup has version {} and a header of {} bytes, this program "
                                "knows version {}",
                                header_.version.get(),
                                header_.header_size.get(),
                                kBackupVersion));
    check_header();
}

void BackupReader::check_header() const {
    const auto bytes = std::as_bytes(std::span(&header_, 1));
    const std::uint32_t checksum = crc32c_raw(bytes.first(sizeof header_ - sizeof(Le32)));
    if (header_.csum.get() != checksum)
        corrupt(0,
                fmt::format("the header's checksum is {:#010x}, its content gives {:#010x}",
                            header_.csum.get(),
                            checksum));
    const std::uint64_t blocks = header_.nr_metadata_blocks.get();
    const std::uint64_t records = header_.nr_records.get();
    if (blocks > pdata::kMaxMetadataBlocks || records == 0 || records > blocks)
        corrupt(0, fmt::format("{} records of {} blocks cannot be", records, blocks));
    const std::uint64_t size =
        sizeof header_ + records * kBackupRecordSize + sizeof(BackupTrailerDisk);
    if (file_.size() != size)
        corrupt(std::min(size, file_.size()),
                fmt::format("it has {} bytes, expected {}", file_.size(), size));
}

void BackupReader::check_trailer(std::uint64_t offset, std::uint32_t checksum) {
    BackupTrailerDisk trailer;
    file_.read(offset, bytes_of(trailer));
    checksum = crc32c_raw(bytes_of(trailer).first(sizeof trailer - sizeof(Le32)), checksum);
    if (trailer.magic != kBackupEndMagic || trailer.nr_records.get() != header_.nr_records.get())
        corrupt(offset, "the end of the backup is missing");
    if (trailer.csum.get() != checksum)
        corrupt(offset,
                fmt::format("the checksum over all is {:#010x}, the content gives {:#010x}",
                            trailer.csum.get(),
                            checksum));
}

void check_superblock(const Records& records, const BackupInfo& info) {
    Superblock superblock;
    try {
        superblock = unpack_superblock(records.block(0));
    } catch (Error& error) {
        error.add_context("backup");
        throw;
    }
    if (superblock.uuid != info.uuid || superblock.transaction_id != info.transaction_id ||
        superblock.time != info.time || superblock.chunk_size() != info.chunk_size ||
        superblock.data_space_map.nr_blocks != info.nr_data_chunks ||
        superblock.metadata_space_map.nr_blocks != info.nr_metadata_blocks)
        corrupt(records.offset, "the superblock is not the one that the header describes");
}

/// Checks everything but what only a walk through the trees could tell.
BackupInfo verify(BackupReader& reader) {
    const BackupInfo info = reader.info();
    std::uint64_t next = 0; // numbers ascend; the first is 0
    reader.for_each([&](const Records& records) {
        for (std::size_t i = 0; i < records.size(); ++i) {
            const std::uint64_t offset = records.offset + i * kBackupRecordSize;
            const std::uint64_t number = records.number(i);
            if (number < next || number >= info.nr_metadata_blocks || (next == 0 && number != 0))
                corrupt(offset, fmt::format("block {} does not belong here", number));
            const auto own = load_le<std::uint64_t>(records.block(i), 8);
            if (own != number)
                corrupt(offset, fmt::format("block {} says that it is block {}", number, own));
            if (number == 0)
                check_superblock(records, info);
            next = number + 1;
        }
    });
    return info;
}

/// Calls `visit(from, to)` for neighbouring blocks of a piece, block 0 apart.
void for_each_run(const Records& records, auto&& visit) {
    for (std::size_t from = records.number(0) == 0 ? 1 : 0; from < records.size();) {
        std::size_t to = from + 1;
        while (to < records.size() && records.number(to) == records.number(to - 1) + 1)
            ++to;
        visit(from, to);
        from = to;
    }
}

/// Until the new superblock is there, nothing may take what the device holds for a pool: neither
/// the old superblock, whose blocks are being overwritten, nor zeros, which the kernel would
/// format.
void write_placeholder(BlockDevice& device) {
    constexpr std::string_view text = "thinsnap: a restore of this metadata was not finished\n";
    AlignedBuffer block(kBlockSize);
    std::ranges::fill(block.bytes(), std::byte{0});
    std::ranges::copy(std::as_bytes(std::span(text)), block.bytes().begin());
    device.write(0, block.bytes());
    device.flush();
}

void write_run(BlockDevice& device, const Records& records, std::size_t from, std::size_t to) {
    AlignedBuffer buffer((to - from) * kBlockSize);
    for (std::size_t i = from; i < to; ++i)
        std::ranges::copy(records.block(i),
                          buffer.bytes().subspan((i - from) * kBlockSize).begin());
    device.write(records.number(from) * kBlockSize, buffer.bytes());
}

} // namespace

BackupInfo inspect_backup(BlockDevice& backup) {
    BackupReader reader(backup);
    return verify(reader);
}

BackupInfo restore_backup(BlockDevice& backup, BlockDevice& device) {
    BackupReader reader(backup);
    const BackupInfo info = verify(reader);
    if (device.size() / kBlockSize < info.nr_metadata_blocks)
        throw Error(Errc::invalid_argument,
                    fmt::format("the backup needs {} bytes of metadata, the device has {}",
                                info.nr_metadata_blocks * kBlockSize,
                                device.size()));
    device.allocate(0, info.nr_metadata_blocks * kBlockSize); // else it could fail half-way
    write_placeholder(device);
    AlignedBuffer superblock(kBlockSize);
    reader.for_each([&](const Records& records) {
        if (records.number(0) == 0)
            std::ranges::copy(records.block(0), superblock.bytes().begin());
        for_each_run(records, [&](std::size_t from, std::size_t to) {
            write_run(device, records, from, to);
        });
    });
    device.flush(); // else the superblock could point to blocks that a power cut loses
    device.write(0, superblock.bytes());
    device.flush();
    return info;
}

} // namespace thinsnap::thin
