#include "thin/superblock.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"
#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin {

namespace {

using pdata::BlockKind;
using pdata::kBlockSize;

[[noreturn]] void corrupt(MetaBlock where, const std::string& detail) {
    throw CorruptionError("superblock", where.value(), detail);
}

void check_fields(const Superblock& superblock, MetaBlock where) {
    const std::uint64_t chunk = superblock.chunk_size();
    if (chunk < kMinChunkSize || chunk > kMaxChunkSize || chunk % kMinChunkSize != 0)
        corrupt(where,
                fmt::format("chunk size is {} sectors, expected a multiple of 128 up to 2097152",
                            superblock.chunk_sectors));
    if (superblock.data_space_map.nr_blocks > kMaxDataChunks)
        corrupt(where,
                fmt::format("{} data chunks, the format numbers at most {}",
                            superblock.data_space_map.nr_blocks,
                            kMaxDataChunks));
    if (superblock.time > kMaxTime)
        corrupt(where,
                fmt::format("time is {}, the format counts to {}", superblock.time, kMaxTime));
}

} // namespace

bool Superblock::needs_check() const noexcept {
    return (flags & kNeedsCheckFlag) != 0;
}

std::uint64_t Superblock::chunk_size() const noexcept {
    return std::uint64_t{chunk_sectors} * kSectorSize;
}

void pack(const Superblock& superblock, pdata::BlockBytes into, MetaBlock where) {
    SuperblockDisk disk{};
    disk.flags = superblock.flags;
    disk.uuid = superblock.uuid;
    disk.magic = kSuperblockMagic;
    disk.version = superblock.version;
    disk.time = superblock.time;
    disk.trans_id = superblock.transaction_id.value();
    disk.held_root = superblock.held_root.value();
    superblock.data_space_map.pack(disk.data_space_map_root);
    superblock.metadata_space_map.pack(disk.metadata_space_map_root);
    disk.data_mapping_root = superblock.mapping_root.value();
    disk.device_details_root = superblock.details_root.value();
    disk.data_block_size = superblock.chunk_sectors;
    disk.metadata_block_size = std::uint32_t{kBlockSize / kSectorSize};
    disk.metadata_nr_blocks = superblock.metadata_nr_blocks;
    disk.compat_flags = superblock.compat_flags;
    disk.compat_ro_flags = superblock.compat_ro_flags;
    disk.incompat_flags = superblock.incompat_flags;
    std::ranges::fill(into, std::byte{0});
    std::memcpy(into.data(), &disk, sizeof disk);
    pdata::seal(BlockKind::superblock, where, into);
}

Superblock unpack(const SuperblockDisk& disk) {
    Superblock superblock;
    superblock.flags = disk.flags.get();
    superblock.uuid = disk.uuid;
    superblock.version = disk.version.get();
    superblock.time = disk.time.get();
    superblock.transaction_id = TransactionId(disk.trans_id.get());
    superblock.held_root = MetaBlock(disk.held_root.get());
    superblock.data_space_map = pdata::SpaceMapRoot::unpack(disk.data_space_map_root);
    superblock.metadata_space_map = pdata::SpaceMapRoot::unpack(disk.metadata_space_map_root);
    superblock.mapping_root = MetaBlock(disk.data_mapping_root.get());
    superblock.details_root = MetaBlock(disk.device_details_root.get());
    superblock.chunk_sectors = disk.data_block_size.get();
    superblock.metadata_nr_blocks = disk.metadata_nr_blocks.get();
    superblock.compat_flags = disk.compat_flags.get();
    superblock.compat_ro_flags = disk.compat_ro_flags.get();
    superblock.incompat_flags = disk.incompat_flags.get();
    return superblock;
}

Superblock unpack_superblock(pdata::ConstBlockBytes block, MetaBlock where) {
    SuperblockDisk disk;
    std::memcpy(&disk, block.data(), sizeof disk);
    if (disk.magic.get() != kSuperblockMagic)
        corrupt(where,
                fmt::format("magic is {:#x}, expected {:#x}: this is no thin pool's metadata",
                            disk.magic.get(),
                            kSuperblockMagic));
    pdata::validate(BlockKind::superblock, where, block);

    const Superblock superblock = unpack(disk);
    check_fields(superblock, where);
    return superblock;
}

Superblock read_superblock(BlockDevice& metadata) {
    if (metadata.size() < kBlockSize)
        throw Error(Errc::invalid_argument,
                    fmt::format("the metadata device has {} bytes, too few for a superblock",
                                metadata.size()));
    AlignedBuffer buffer(kBlockSize);
    metadata.read(0, buffer.bytes());
    const pdata::ConstBlockBytes block(buffer.bytes().data(), kBlockSize);
    if (std::ranges::all_of(block, [](std::byte b) { return b == std::byte{0}; }))
        throw Error(Errc::invalid_argument,
                    "the metadata device starts with zeros: no pool was made on it");
    Superblock superblock = unpack_superblock(block);
    if (superblock.incompat_flags != 0 || superblock.compat_ro_flags != 0)
        throw Error(Errc::unsupported,
                    fmt::format("the superblock asks for features that this program does not know "
                                "(incompat {:#x}, compat_ro {:#x})",
                                superblock.incompat_flags,
                                superblock.compat_ro_flags));
    const std::uint64_t blocks = superblock.metadata_space_map.nr_blocks;
    if (blocks > pdata::kMaxMetadataBlocks || blocks > metadata.size() / kBlockSize)
        throw Error(Errc::invalid_argument,
                    fmt::format("the metadata device has {} bytes, the superblock says that {} are "
                                "in use",
                                metadata.size(),
                                std::uint64_t{kBlockSize} * blocks));
    return superblock;
}

void publish_superblock(BlockDevice& metadata, const Superblock& superblock) {
    AlignedBuffer buffer(kBlockSize);
    pack(superblock, pdata::BlockBytes(buffer.bytes().data(), kBlockSize));
    metadata.write(0, buffer.bytes());
    metadata.flush();
}

void write_superblock(BlockDevice& metadata, const Superblock& superblock) {
    metadata.flush(); // else the superblock could point to blocks that a power cut loses
    publish_superblock(metadata, superblock);
}

} // namespace thinsnap::thin
