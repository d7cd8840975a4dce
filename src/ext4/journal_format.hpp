#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

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

/// A clean journal of so many blocks, as mke2fs makes it. \param block  one block, zeros
void pack_journal_superblock(std::span<std::byte> block, std::uint32_t blocks);

} // namespace thinsnap::ext4
