#include "ext4/journal_format.hpp"

#include "base/endian.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {

namespace {

void store_be32(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value) {
    store_le<std::uint32_t>(bytes, offset, __builtin_bswap32(value));
}

} // namespace

void pack_journal_superblock(std::span<std::byte> block, std::uint32_t blocks) {
    store_be32(block, 0, kJournalMagic);
    store_be32(block, 4, static_cast<std::uint32_t>(JournalBlock::superblock_v2));
    store_be32(block, 12, kBlockSize);
    store_be32(block, 16, blocks);
    store_be32(block, 20, kJournalFirstBlock);
    store_be32(block, 24, 1); // the first transaction's number
    store_be32(block, 64, 1); // users
}

} // namespace thinsnap::ext4
