#include "ext4/tree/checksum.hpp"

#include <array>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/tree/disk.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::size_t kLeafTail = 12;        // struct ext4_dir_entry_tail
constexpr std::uint8_t kLeafTailType = 0xDE; // EXT4_FT_DIR_CSUM
constexpr std::size_t kExtentTail = 4;       // struct ext4_extent_tail
constexpr std::size_t kIndexEntry = 8;       // struct dx_entry

std::uint32_t crc_of(std::uint32_t value, std::uint32_t before) noexcept {
    std::array<std::byte, 4> bytes{};
    store_le<std::uint32_t>(bytes, 0, value);
    return crc32c_raw(bytes, before);
}

} // namespace

std::uint32_t
inode_checksum_seed(std::uint32_t fs_seed, InodeNumber inode, std::uint32_t generation) noexcept {
    return crc_of(generation, crc_of(inode.value(), fs_seed));
}

void seal_directory_block(std::span<std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kLeafTail;
    store_le<std::uint32_t>(block, tail, 0);
    store_le<std::uint16_t>(block, tail + 4, kLeafTail);
    store_le<std::uint8_t>(block, tail + 6, 0);
    store_le<std::uint8_t>(block, tail + 7, kLeafTailType);
    store_le<std::uint32_t>(block, tail + 8, crc32c_raw(block.first(tail), inode_seed));
}

bool is_sealed_directory_block(std::span<const std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kLeafTail;
    return load_le<std::uint8_t>(block, tail + 7) == kLeafTailType &&
           load_le<std::uint32_t>(block, tail + 8) == crc32c_raw(block.first(tail), inode_seed);
}

void seal_index_block(std::span<std::byte> block,
                      std::size_t count_offset,
                      std::uint32_t inode_seed) {
    const std::size_t limit = load_le<std::uint16_t>(block, count_offset);
    const std::size_t count = load_le<std::uint16_t>(block, count_offset + 2);
    const std::size_t tail = count_offset + limit * kIndexEntry;
    std::uint32_t crc = crc32c_raw(block.first(count_offset + count * kIndexEntry), inode_seed);
    crc = crc_of(0, crc_of(load_le<std::uint32_t>(block, tail), crc));
    store_le<std::uint32_t>(block, tail + 4, crc);
}

void seal_extent_block(std::span<std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kExtentTail;
    store_le<std::uint32_t>(block, tail, crc32c_raw(block.first(tail), inode_seed));
}

bool is_sealed_extent_block(std::span<const std::byte> block, std::uint32_t inode_seed) {
    const std::size_t tail = block.size() - kExtentTail;
    return load_le<std::uint32_t>(block, tail) == crc32c_raw(block.first(tail), inode_seed);
}

} // namespace thinsnap::ext4::tree
