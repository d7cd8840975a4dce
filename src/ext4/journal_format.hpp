#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// \file
/// The kernel's journal (jbd2) as it stands on disk; all numbers are big-endian.
/// Source: Linux include/linux/jbd2.h.

namespace thinsnap::ext4 {

inline constexpr std::uint32_t kJournalMagic = 0xC03B3998;
inline constexpr std::uint32_t kJournalFirstBlock = 1; ///< of the log; block 0 is the superblock

enum class JournalBlock : std::uint32_t {
    descriptor = 1,
    commit = 2,
    superblock_v1 = 3,
    superblock_v2 = 4,
    revoke = 5,
};

/// Incompatible features.
inline constexpr std::uint32_t kJournalRevoke = 0x01;
inline constexpr std::uint32_t kJournal64Bit = 0x02;
inline constexpr std::uint32_t kJournalAsyncCommit = 0x04;
inline constexpr std::uint32_t kJournalChecksumV2 = 0x08;
inline constexpr std::uint32_t kJournalChecksumV3 = 0x10;

/// A clean journal of so many blocks, as mke2fs makes it. \param block  one block, zeros
void pack_journal_superblock(std::span<std::byte> block, std::uint32_t blocks);

/// What replaying needs of a journal's superblock.
struct JournalSuperblock {
    std::uint32_t max_length = 0; ///< blocks, this one included
    std::uint32_t first = 0;      ///< of the log
    std::uint32_t sequence = 0;   ///< of the first transaction in it
    std::uint32_t start = 0;      ///< where it begins; 0: there is none
    std::uint32_t features = 0;   ///< incompatible ones
    std::uint32_t seed = 0;       ///< of checksums
    [[nodiscard]] bool has_checksums() const {
        return (features & (kJournalChecksumV2 | kJournalChecksumV3)) != 0;
    }
};
/// \throws Error(corrupt), Error(unsupported)
[[nodiscard]] JournalSuperblock unpack_journal_superblock(std::span<const std::byte> block);

/// Makes a journal empty: the next transaction has the number `sequence`.
void empty_journal(std::span<std::byte> block, std::uint32_t sequence);

struct JournalHeader {
    JournalBlock type{};
    std::uint32_t sequence = 0;
    bool valid = false; ///< the magic is there
};
[[nodiscard]] JournalHeader unpack_journal_header(std::span<const std::byte> block);

/// A block of the file system whose content stands in the log behind its descriptor.
struct JournalTag {
    std::uint64_t block = 0;
    bool escaped = false; ///< its first four bytes, which were the magic, are zeros in the log
    std::uint32_t checksum = 0;
};
/// \throws Error(corrupt)  tags without an end
[[nodiscard]] std::vector<JournalTag> unpack_journal_tags(std::span<const std::byte> block,
                                                          const JournalSuperblock& journal);
/// The blocks that a revoke block names. \throws Error(corrupt)
[[nodiscard]] std::vector<std::uint64_t> unpack_revoked(std::span<const std::byte> block,
                                                        const JournalSuperblock& journal);

/// Whether a descriptor, revoke or commit block is as it was written; true without checksums.
[[nodiscard]] bool journal_block_is_whole(std::span<const std::byte> block,
                                          const JournalSuperblock& journal);
/// The same of a block's content as it stands in the log.
[[nodiscard]] bool journal_content_is_whole(std::span<const std::byte> content,
                                            const JournalTag& tag,
                                            std::uint32_t sequence,
                                            const JournalSuperblock& journal);
/// Puts back what was escaped.
void unescape_journal_content(std::span<std::byte> content);

} // namespace thinsnap::ext4
