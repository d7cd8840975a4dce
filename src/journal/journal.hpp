#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <thinsnap/types.hpp>

#include "journal/checkpoint.hpp"
#include "journal/format.hpp"
#include "journal/journal_directory.hpp"
#include "journal/reader.hpp"
#include "journal/state.hpp"

namespace thinsnap::journal {

struct JournalOptions {
    /// Space taken at a time ahead of what is appended, so that an append seldom asks the file
    /// system for anything but a write.
    std::uint64_t headroom = 1U << 20U;
    /// A checkpoint is due when the file's frames take more than this many times what they took
    /// right after the last one,
    std::uint64_t checkpoint_factor = 4;
    /// and more than so many bytes.
    std::uint64_t checkpoint_minimum = 1U << 20U;
};

/// Makes a journal with nothing in it. Durable when it returns; after a crash it is there whole or
/// not at all.
/// \param transaction  the pool's
/// \throws Error(already_exists)  there is one; SystemError
void create_journal(JournalDirectory& directory, const Uuid& pool, TransactionId transaction);

/// Puts a journal with that state in the place of the one that is there, or not: for repair.
/// Durability and atomicity as create_journal().
void replace_journal(JournalDirectory& directory,
                     const Header& header,
                     const State& state,
                     TransactionId transaction);

/// The end of a journal that grows. Whoever has one is the pool's only writer.
///
/// append() is durable when it returns; a crash leaves a frame whole or not at all. When an append
/// fails nobody knows which of the two it will be, so the journal takes no more (`failure()`) until
/// it is opened again.
/// Threads: one at a time.
class Journal {
public:
    /// Goes on where `contents` ends: cuts a torn tail off, removes what a crash left of a
    /// checkpoint, and makes durable what was read, for it may be in the page cache only.
    /// \param directory  must outlive it
    /// \throws SystemError
    Journal(JournalDirectory& directory, const Contents& contents, const JournalOptions& options);

    /// Takes space for a frame with such a payload. \throws SystemError; nothing has changed
    void reserve(std::size_t payload);

    /// \pre reserve() for it
    /// \throws Error(read_only)  an earlier append failed
    /// \throws SystemError       outcome unknown
    void append(FrameKind kind, TransactionId transaction, std::span<const std::byte> payload);

    [[nodiscard]] bool wants_checkpoint() const noexcept;
    /// The file that would hold the state now; for replace().
    [[nodiscard]] Checkpoint checkpoint_of(const State& state, TransactionId transaction) const;
    /// Puts a checkpoint in the place of the file: written beside it, flushed, renamed, the
    /// directory flushed. Only while the pool has done all that is in the journal.
    /// \throws SystemError  failure() tells whether the old file goes on
    void replace(const Checkpoint& checkpoint);

    /// Why it takes no more; empty: it does.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] const Header& header() const noexcept { return header_; }
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

private:
    void require_writable() const;
    void fail(const std::string& what);
    void switch_to(const Checkpoint& checkpoint);

    JournalDirectory& directory_;
    JournalOptions options_;
    std::unique_ptr<JournalFile> file_;
    Header header_;
    std::uint32_t seed_ = 0;
    std::uint32_t frames_ = 0;
    std::uint64_t end_ = 0;
    std::uint64_t allocated_ = 0; ///< the file's size
    std::uint64_t checkpoint_due_ = 0;
    std::string failure_;
};

} // namespace thinsnap::journal
