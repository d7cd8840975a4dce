#include "ext4/checksums.hpp"

#include <array>

#include "base/crc32c.hpp"
#include "base/endian.hpp"

namespace thinsnap::ext4 {

namespace {

template <class T>
std::uint32_t add(std::uint32_t sum, T value) {
    std::array<std::byte, sizeof(T)> bytes{};
    store_le<T>(bytes, 0, value);
    return crc32c_raw(bytes, sum);
}

} // namespace

std::uint32_t inode_seed(std::uint32_t seed, InodeNumber inode, std::uint32_t generation) {
    return add(add(seed, inode.value()), generation);
}

std::uint32_t directory_block_checksum(std::uint32_t inode_seed, std::span<const std::byte> block) {
    return crc32c_raw(block.first(block.size() - kDirectoryTail), inode_seed);
}

std::uint32_t directory_index_checksum(std::uint32_t inode_seed,
                                       std::span<const std::byte> block,
                                       std::size_t count_offset) {
    constexpr std::size_t entry = 8;
    const std::size_t limit = load_le<std::uint16_t>(block, count_offset);
    const std::size_t count = load_le<std::uint16_t>(block, count_offset + 2);
    const std::uint32_t entries = crc32c_raw(block.first(count_offset + count * entry), inode_seed);
    const auto reserved = block.subspan(count_offset + limit * entry, sizeof(std::uint32_t));
    return add(crc32c_raw(reserved, entries), std::uint32_t{0});
}

std::uint32_t extent_block_checksum(std::uint32_t inode_seed,
                                    std::span<const std::byte> block,
                                    std::size_t max_entries) {
    return crc32c_raw(block.first(12 + 12 * max_entries), inode_seed);
}

std::uint32_t
xattr_block_checksum(std::uint32_t seed, std::span<const std::byte> block, std::uint64_t where) {
    constexpr std::size_t checksum = 16;
    const std::uint32_t before = crc32c_raw(block.first(checksum), add(seed, where));
    return crc32c_raw(block.subspan(checksum + sizeof(std::uint32_t)),
                      add(before, std::uint32_t{0}));
}

} // namespace thinsnap::ext4
