#include "ext4/tree/checksum.hpp"

#include "base/endian.hpp"
#include "ext4/tree/directory_index.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint8_t kLeafTailType = 0xDE; // EXT4_FT_DIR_CSUM
constexpr std::size_t kExtentTail = 4;       // struct ext4_extent_tail
constexpr std::size_t kExtentEntry = 12;     // struct ext4_extent, and the header before them

/// A block that a TreeWriter makes has room for as many as fit.
std::uint32_t checksum_of_extents(std::span<const std::byte> block, std::uint32_t inode_seed) {
    return extent_block_checksum(
        inode_seed, block, (block.size() - kExtentTail) / kExtentEntry - 1);
}

std::size_t index_checksum_place(std::span<const std::byte> block, std::size_t count_offset) {
    const std::size_t limit = load_le<std::uint16_t>(block, count_offset);
    return count_offset + limit * kIndexEntry + 4;
}

} // namespace

void seal_directory_block(std::span<std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kDirectoryTail;
    store_le<std::uint32_t>(block, tail, 0);
    store_le<std::uint16_t>(block, tail + 4, kDirectoryTail);
    store_le<std::uint8_t>(block, tail + 6, 0);
    store_le<std::uint8_t>(block, tail + 7, kLeafTailType);
    store_le<std::uint32_t>(block, tail + 8, directory_block_checksum(inode_seed, block));
}

bool is_sealed_directory_block(std::span<const std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kDirectoryTail;
    return load_le<std::uint8_t>(block, tail + 7) == kLeafTailType &&
           load_le<std::uint32_t>(block, tail + 8) == directory_block_checksum(inode_seed, block);
}

void seal_index_block(std::span<std::byte> block,
                      std::size_t count_offset,
                      std::uint32_t inode_seed) {
    store_le<std::uint32_t>(block,
                            index_checksum_place(block, count_offset),
                            directory_index_checksum(inode_seed, block, count_offset));
}

bool is_sealed_index_block(std::span<const std::byte> block,
                           std::size_t count_offset,
                           std::uint32_t inode_seed) {
    return load_le<std::uint32_t>(block, index_checksum_place(block, count_offset)) ==
           directory_index_checksum(inode_seed, block, count_offset);
}

void seal_extent_block(std::span<std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kExtentTail;
    store_le<std::uint32_t>(block, tail, checksum_of_extents(block, inode_seed));
}

bool is_sealed_extent_block(std::span<const std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kExtentTail;
    return load_le<std::uint32_t>(block, tail) == checksum_of_extents(block, inode_seed);
}

} // namespace thinsnap::ext4::tree
