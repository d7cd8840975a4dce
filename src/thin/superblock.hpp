#pragma once

#include <cstdint>

#include <thinsnap/block_device.hpp>
#include <thinsnap/types.hpp>

#include "base/uuid.hpp"
#include "pdata/bitmap.hpp"
#include "pdata/block.hpp"

namespace thinsnap::thin {

/// A snapshot is counted in 24 bits of each mapping; at this time no further one can be made.
inline constexpr std::uint32_t kMaxTime = 0xFFFFFF;
/// Data chunk numbers have 40 bits in a mapping.
inline constexpr std::uint64_t kMaxDataChunks = std::uint64_t{1} << 40U;
inline constexpr std::uint64_t kMinChunkSize = 64U << 10U;
inline constexpr std::uint64_t kMaxChunkSize = 1U << 30U;

/// The root of everything a pool is, in host form.
struct Superblock {
    std::uint32_t flags = 0; ///< kNeedsCheckFlag; others are kept as they were
    Uuid uuid{};
    std::uint32_t version = 0;
    std::uint32_t time = 0; ///< number of snapshots ever made
    TransactionId transaction_id;
    MetaBlock held_root; ///< a copy of an earlier superblock, 0 for none
    pdata::SpaceMapRoot data_space_map;
    pdata::SpaceMapRoot metadata_space_map;
    MetaBlock mapping_root;
    MetaBlock details_root;
    std::uint32_t chunk_sectors = 0;
    std::uint64_t metadata_nr_blocks = 0; ///< as formatted, not updated by growth
    std::uint32_t compat_flags = 0;
    std::uint32_t compat_ro_flags = 0;
    std::uint32_t incompat_flags = 0;

    [[nodiscard]] bool needs_check() const noexcept;
    [[nodiscard]] std::uint64_t chunk_size() const noexcept;
};

/// Fills a sealed block 0 (or `where`, for the copy behind a held root).
void pack(const Superblock& superblock, pdata::BlockBytes into, MetaBlock where = MetaBlock{});

struct SuperblockDisk;
/// What the fields say, whatever it is.
[[nodiscard]] Superblock unpack(const SuperblockDisk& disk);

/// \throws CorruptionError  checksum, own number, magic, chunk size, or roots out of the device
[[nodiscard]] Superblock unpack_superblock(pdata::ConstBlockBytes block,
                                           MetaBlock where = MetaBlock{});

/// Reads block 0 and checks that this program can work with it.
/// \throws CorruptionError          see unpack_superblock()
/// \throws Error(unsupported)       incompatible feature flags
/// \throws Error(invalid_argument)  the device is too small to be a metadata device, or is all
/// zeros
[[nodiscard]] Superblock read_superblock(BlockDevice& metadata);

/// Writes block 0 and flushes the device. What it points to must be durable already.
/// \throws SystemError  if the flush fails it is unknown which superblock is on disk
void publish_superblock(BlockDevice& metadata, const Superblock& superblock);

/// The same after a flush of the device, which makes durable what it points to.
void write_superblock(BlockDevice& metadata, const Superblock& superblock);

} // namespace thinsnap::thin
