#include "thin/format_pool.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"
#include "pdata/btree.hpp"
#include "pdata/data_space_map.hpp"
#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin {

namespace {

using pdata::kBlockSize;

constexpr std::uint64_t kMetadataBytesPerChunk = 48;
constexpr std::size_t kCacheBlocks = 4096;

void check_options(const BlockDevice& metadata, const FormatOptions& options) {
    const std::uint64_t chunk = options.chunk_size;
    if (chunk < kMinChunkSize || chunk > kMaxChunkSize || chunk % kMinChunkSize != 0)
        throw Error(Errc::invalid_argument,
                    fmt::format("a chunk size of {} bytes is not possible: multiples of {} from {} "
                                "to {} are",
                                chunk,
                                kMinChunkSize,
                                kMinChunkSize,
                                kMaxChunkSize));
    if (options.nr_data_chunks > kMaxDataChunks)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} data chunks are too many, the format numbers at most {}: use a "
                                "larger chunk size",
                                options.nr_data_chunks,
                                kMaxDataChunks));
    if (metadata.size() < kMinMetadataSize)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} bytes of metadata are too few, {} are needed at least",
                                metadata.size(),
                                kMinMetadataSize));
}

void wipe_superblock(BlockDevice& metadata) {
    metadata.write_zeros(0, kBlockSize);
    metadata.flush();
}

} // namespace

std::uint64_t default_metadata_size(std::uint64_t data_bytes, std::uint64_t chunk_size) {
    const std::uint64_t chunks = data_bytes / chunk_size;
    const std::uint64_t most = std::uint64_t{kBlockSize} * pdata::kMaxMetadataBlocks;
    const std::uint64_t wanted =
        chunks < most / kMetadataBytesPerChunk ? kMetadataBytesPerChunk * chunks : most;
    const std::uint64_t whole = (wanted + kBlockSize - 1) / kBlockSize * kBlockSize;
    return std::clamp(whole, kMinMetadataSize, most);
}

void format_pool(BlockDevice& metadata, const FormatOptions& options) {
    check_options(metadata, options);
    wipe_superblock(metadata); // else a crash leaves an old one that points into the new pool

    pdata::BlockCache cache(metadata, kCacheBlocks);
    const std::uint64_t blocks = std::min(cache.nr_blocks(), pdata::kMaxMetadataBlocks);
    pdata::MetadataSpaceMap space_map(blocks);
    static_cast<void>(space_map.allocate()); // block 0, the superblock
    pdata::Transaction transaction(cache, std::move(space_map));
    pdata::DataSpaceMap data_map(transaction);
    data_map.extend(options.nr_data_chunks);

    Superblock superblock;
    superblock.uuid = options.uuid;
    superblock.version = kFormatVersion;
    superblock.chunk_sectors = static_cast<std::uint32_t>(options.chunk_size / kSectorSize);
    superblock.metadata_nr_blocks = blocks;
    superblock.mapping_root = pdata::Btree(transaction, 8).create_empty();
    superblock.details_root = pdata::Btree(transaction, sizeof(DeviceDetailsDisk)).create_empty();
    superblock.data_space_map = data_map.save();
    superblock.metadata_space_map = transaction.space_map().save(transaction);
    cache.write_back();
    write_superblock(metadata, superblock);
}

} // namespace thinsnap::thin
