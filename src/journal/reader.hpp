#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <thinsnap/types.hpp>

#include "journal/format.hpp"
#include "journal/journal_directory.hpp"
#include "journal/records.hpp"
#include "journal/state.hpp"

namespace thinsnap::journal {

inline constexpr std::string_view kFileName = "journal";
/// Where a checkpoint is made before it takes the journal's name.
inline constexpr std::string_view kNewFileName = "journal.new";

/// A transaction with which a journal ends: the pool may not have done it yet.
struct LastChange {
    TransactionId transaction;
    std::vector<Record> operations; ///< PoolCreate, PoolSnapshot and PoolDelete, in order
    Undo undo;                      ///< takes the state back to before it
};

/// All that a journal says.
struct Contents {
    Header header;
    State state;
    TransactionId transaction; ///< of the last frame: what the pool should have, too
    /// Where the last frame moved the transaction id. A frame that only changes names is written
    /// when the pool is known to have done what came before.
    std::optional<LastChange> last;
    std::uint64_t end = 0;             ///< offset behind the last frame
    std::uint64_t torn_bytes = 0;      ///< behind that: a frame that was not written whole
    std::uint64_t checkpoint_size = 0; ///< offset behind the checkpoint at the beginning
    std::uint64_t file_size = 0;       ///< with headroom
    std::uint32_t frames = 0;
    std::string damage{}; ///< set by `salvage` only: where it had to stop, and why

    /// As if the pool had never been asked for the last change. \pre last
    void take_back_last();
};

struct ReadOptions {
    /// What stands before damage is given as if it were all, for repair; else damage is an error.
    bool salvage = false;
};

/// Reads a journal; writes nothing and needs no lock.
///
/// Beside a writer it sees a prefix of what the writer has appended, up to a frame that may still
/// be aborted; a checkpoint's rename does not disturb it. What looks damaged is read again first:
/// it may have been a frame on its way.
///
/// A place without a valid frame, behind which no valid frame is found, is where the journal ends:
/// an append that a crash tore, or that is going on.
/// \return nothing when there is no journal
/// \throws Error(corrupt)      a valid frame behind a bad place, a checkpoint that is not whole,
///                             records that contradict themselves or what came before; file, offset
///                             and numbers in the text
/// \throws Error(unsupported)  written by a newer version
/// \throws SystemError
/// Cost: one pass over the file; about 1 us for an entry.
[[nodiscard]] std::optional<Contents> read_journal(JournalDirectory& directory,
                                                   const ReadOptions& options = {});

/// The same for bytes in memory, for fuzzers and tests. \param name  the file's, for messages
[[nodiscard]] Contents parse_journal(std::span<const std::byte> file,
                                     std::string_view name,
                                     const ReadOptions& options = {});

} // namespace thinsnap::journal
