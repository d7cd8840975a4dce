#include "ext4/journal_format.hpp"

#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {

namespace {

// journal_superblock_t
constexpr std::size_t kBlockSizeAt = 12;
constexpr std::size_t kMaxLengthAt = 16;
constexpr std::size_t kFirstAt = 20;
constexpr std::size_t kSequenceAt = 24;
constexpr std::size_t kStartAt = 28;
constexpr std::size_t kIncompatibleAt = 40;
constexpr std::size_t kUuidAt = 48;
constexpr std::size_t kUsersAt = 64;
constexpr std::size_t kChecksumTypeAt = 80;
constexpr std::size_t kHeadAt = 88;
constexpr std::size_t kChecksumAt = 252;
constexpr std::size_t kJournalSuperblockSize = 1024;
constexpr std::uint8_t kCrc32c = 4; // JBD2_CRC32C_CHKSUM

constexpr std::size_t kJournalHeader = 12;
constexpr std::size_t kUuid = 16;
constexpr std::size_t kCommitChecksumAt = 16;
constexpr std::size_t kTail = 4;

enum TagFlag : std::uint32_t { escaped = 1, same_uuid = 2, last_tag = 8 };

std::uint32_t load_be32(std::span<const std::byte> bytes, std::size_t offset) {
    return __builtin_bswap32(load_le<std::uint32_t>(bytes, offset));
}

std::uint16_t load_be16(std::span<const std::byte> bytes, std::size_t offset) {
    return __builtin_bswap16(load_le<std::uint16_t>(bytes, offset));
}

void store_be32(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value) {
    store_le<std::uint32_t>(bytes, offset, __builtin_bswap32(value));
}

/// Of bytes whose own checksum, 4 bytes at `at`, counts as zeros.
std::uint32_t
checksum_without(std::span<const std::byte> bytes, std::size_t at, std::uint32_t seed) {
    constexpr std::array<std::byte, 4> no_bytes{};
    const std::uint32_t before = crc32c_raw(bytes.first(at), seed);
    return crc32c_raw(bytes.subspan(at + no_bytes.size()), crc32c_raw(no_bytes, before));
}

std::uint32_t superblock_checksum(std::span<const std::byte> block) {
    return checksum_without(block.first(kJournalSuperblockSize), kChecksumAt, kCrc32cStart);
}

/// Bytes of a tag. Source: Linux fs/jbd2/journal.c, journal_tag_bytes().
std::size_t tag_size(const JournalSuperblock& journal) {
    if ((journal.features & kJournalChecksumV3) != 0)
        return 16;
    const std::size_t v2 = (journal.features & kJournalChecksumV2) != 0 ? 2 : 0;
    return ((journal.features & kJournal64Bit) != 0 ? 12 : 8) + v2;
}

std::size_t end_of_content(const JournalSuperblock& journal) {
    return kBlockSize - (journal.has_checksums() ? kTail : 0);
}

void check_features(std::uint32_t features) {
    constexpr std::uint32_t known = kJournalRevoke | kJournal64Bit | kJournalAsyncCommit |
                                    kJournalChecksumV2 | kJournalChecksumV3;
    if ((features & ~known) != 0)
        throw Error(Errc::unsupported,
                    fmt::format("journal: features 0x{:x} are not supported", features & ~known));
}

} // namespace

void pack_journal_superblock(std::span<std::byte> block, std::uint32_t blocks) {
    store_be32(block, 0, kJournalMagic);
    store_be32(block, 4, static_cast<std::uint32_t>(JournalBlock::superblock_v2));
    store_be32(block, kBlockSizeAt, kBlockSize);
    store_be32(block, kMaxLengthAt, blocks);
    store_be32(block, kFirstAt, kJournalFirstBlock);
    store_be32(block, kSequenceAt, 1);
    store_be32(block, kUsersAt, 1);
}

JournalSuperblock unpack_journal_superblock(std::span<const std::byte> block) {
    if (load_be32(block, 0) != kJournalMagic ||
        load_be32(block, 4) != static_cast<std::uint32_t>(JournalBlock::superblock_v2) ||
        load_be32(block, kBlockSizeAt) != kBlockSize)
        throw Error(Errc::corrupt, "journal: no superblock of version 2 with blocks of 4 KiB");
    JournalSuperblock journal;
    journal.max_length = load_be32(block, kMaxLengthAt);
    journal.first = load_be32(block, kFirstAt);
    journal.sequence = load_be32(block, kSequenceAt);
    journal.start = load_be32(block, kStartAt);
    journal.features = load_be32(block, kIncompatibleAt);
    journal.seed = crc32c_raw(block.subspan(kUuidAt, kUuid));
    check_features(journal.features);
    if (journal.has_checksums() &&
        (std::to_integer<std::uint8_t>(block[kChecksumTypeAt]) != kCrc32c ||
         load_be32(block, kChecksumAt) != superblock_checksum(block)))
        throw Error(Errc::corrupt, "journal: its superblock's checksum is wrong");
    if (journal.first == 0 || journal.first >= journal.max_length ||
        (journal.start != 0 &&
         (journal.start < journal.first || journal.start >= journal.max_length)))
        throw Error(Errc::corrupt,
                    fmt::format("journal: a log of blocks {} to {} that begins at {}",
                                journal.first,
                                journal.max_length,
                                journal.start));
    return journal;
}

void empty_journal(std::span<std::byte> block, std::uint32_t sequence) {
    store_be32(block, kSequenceAt, sequence);
    store_be32(block, kStartAt, 0);
    store_be32(block, kHeadAt, 0);
    if ((load_be32(block, kIncompatibleAt) & (kJournalChecksumV2 | kJournalChecksumV3)) != 0)
        store_be32(block, kChecksumAt, superblock_checksum(block));
}

JournalHeader unpack_journal_header(std::span<const std::byte> block) {
    return {static_cast<JournalBlock>(load_be32(block, 4)),
            load_be32(block, 8),
            load_be32(block, 0) == kJournalMagic};
}

std::vector<JournalTag> unpack_journal_tags(std::span<const std::byte> block,
                                            const JournalSuperblock& journal) {
    const bool v3 = (journal.features & kJournalChecksumV3) != 0;
    const bool wide = (journal.features & kJournal64Bit) != 0;
    const std::size_t size = tag_size(journal);
    const std::size_t end = end_of_content(journal);
    std::vector<JournalTag> tags;
    std::size_t at = kJournalHeader;
    while (at + size <= end) {
        const std::uint32_t flags = v3 ? load_be32(block, at + 4) : load_be16(block, at + 6);
        JournalTag tag;
        tag.block = load_be32(block, at);
        if (wide)
            tag.block |= std::uint64_t{load_be32(block, at + 8)} << 32U;
        tag.escaped = (flags & TagFlag::escaped) != 0;
        tag.checksum = v3 ? load_be32(block, at + 12) : load_be16(block, at + 4);
        tags.push_back(tag);
        if ((flags & TagFlag::last_tag) != 0)
            return tags;
        at += size + ((flags & TagFlag::same_uuid) != 0 ? 0 : kUuid);
    }
    return tags; // a full descriptor block need not mark its last tag
}

std::vector<std::uint64_t> unpack_revoked(std::span<const std::byte> block,
                                          const JournalSuperblock& journal) {
    const bool wide = (journal.features & kJournal64Bit) != 0;
    const std::size_t size = wide ? 8 : 4;
    const std::size_t end = load_be32(block, kJournalHeader);
    if (end > end_of_content(journal))
        throw Error(Errc::corrupt, fmt::format("journal: a revoke block of {} bytes", end));
    std::vector<std::uint64_t> blocks;
    for (std::size_t at = kJournalHeader + 4; at + size <= end; at += size)
        blocks.push_back(wide
                             ? std::uint64_t{load_be32(block, at)} << 32U | load_be32(block, at + 4)
                             : load_be32(block, at));
    return blocks;
}

bool journal_block_is_whole(std::span<const std::byte> block, const JournalSuperblock& journal) {
    if (!journal.has_checksums())
        return true;
    const bool commit = unpack_journal_header(block).type == JournalBlock::commit;
    const std::size_t at = commit ? kCommitChecksumAt : kBlockSize - kTail;
    return load_be32(block, at) == checksum_without(block, at, journal.seed);
}

bool journal_content_is_whole(std::span<const std::byte> content,
                              const JournalTag& tag,
                              std::uint32_t sequence,
                              const JournalSuperblock& journal) {
    if (!journal.has_checksums())
        return true;
    std::array<std::byte, 4> number{};
    store_be32(number, 0, sequence);
    const std::uint32_t sum = crc32c_raw(content, crc32c_raw(number, journal.seed));
    const bool v3 = (journal.features & kJournalChecksumV3) != 0;
    return tag.checksum == (v3 ? sum : sum & 0xFFFFU);
}

void unescape_journal_content(std::span<std::byte> content) {
    store_be32(content, 0, kJournalMagic);
}

} // namespace thinsnap::ext4
