#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ext4/layout.hpp"

namespace thinsnap::ext4 {

class DeviceIo;

/// What a replay found.
struct JournalReplay {
    std::uint64_t transactions = 0;
    std::uint64_t blocks = 0; ///< written, those that come more than once counted as often
    /// Where they belong: ascending, apart from each other. Without the superblock's flag and the
    /// journal's own superblock.
    std::vector<BlockRange> places;
};

/// Writes what the committed transactions in the journal say, as the kernel's mount would, and
/// clears the superblock's needs_recovery. libext2fs has no such call; e2fsck has its own.
///
/// What was not committed, or torn, is not there: the log ends before it. The journal is found by
/// the copy of its extents in the superblock: until the replay, nothing else can be trusted.
///
/// With a read-only `io` all stays in its memory. Else the blocks are written and made durable
/// before the journal is emptied, so that a crash leaves either of them whole.
/// \param superblock  validated, with needs_recovery
/// \throws Error(corrupt), Error(unsupported)  nothing was written
/// Cost: reads the log up to three times; memory up to its size.
JournalReplay replay_journal(DeviceIo& io, std::span<const std::byte> superblock);

} // namespace thinsnap::ext4
