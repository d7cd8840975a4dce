#include "journal/journal.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::journal {

namespace {

/// A file that is complete and durable, under another name yet.
std::unique_ptr<JournalFile> write_beside(JournalDirectory& directory,
                                          std::span<const std::byte> bytes,
                                          std::uint64_t headroom) {
    auto file = directory.create(kNewFileName);
    try {
        file->allocate(bytes.size() + headroom);
        file->write(0, bytes);
        file->sync(); // or the journal's name could come to stand for a file without content
    } catch (const std::exception&) {
        file.reset();
        try {
            directory.remove(kNewFileName);
        } catch (const Error&) { // NOLINT(bugprone-empty-catch) the next open removes it
        }
        throw;
    }
    return file;
}

void put_in_place(JournalDirectory& directory) {
    directory.rename(kNewFileName, kFileName);
    directory.sync(); // or a crash could bring back the old journal after new appends
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
    return (value + unit - 1) / unit * unit;
}

} // namespace

void create_journal(JournalDirectory& directory, const Uuid& pool, TransactionId transaction) {
    if (directory.open(kFileName, true))
        throw Error(Errc::already_exists, fmt::format("{} exists", directory.path_of(kFileName)));
    replace_journal(directory, {.pool = pool, .generation = 1}, State{}, transaction);
}

void replace_journal(JournalDirectory& directory,
                     const Header& header,
                     const State& state,
                     TransactionId transaction) {
    (void)write_beside(directory, make_checkpoint(header, state, transaction).bytes, 0);
    put_in_place(directory);
}

Journal::Journal(JournalDirectory& directory,
                 const Contents& contents,
                 const JournalOptions& options)
    : directory_(directory)
    , options_(options)
    , file_(directory.open(kFileName, false))
    , header_(contents.header)
    , seed_(frame_seed(contents.header))
    , frames_(contents.frames)
    , end_(contents.end)
    , allocated_(contents.file_size) {
    if (!file_)
        throw Error(Errc::not_found,
                    fmt::format("{} is not there any more", directory.path_of(kFileName)));
    if (contents.torn_bytes > 0) {
        file_->truncate(end_); // or a later frame could end where the torn one goes on
        allocated_ = end_;
    }
    // A killed process may have left its last append, or the name of its last checkpoint, to the
    // page cache. The pool must not get ahead of them.
    file_->sync();
    directory_.sync();
    directory_.remove(kNewFileName);
    checkpoint_due_ = std::max(options_.checkpoint_minimum,
                               contents.checkpoint_size * options_.checkpoint_factor);
}

void Journal::require_writable() const {
    if (!failure_.empty())
        throw Error(Errc::read_only, failure_);
}

void Journal::fail(const std::string& what) {
    failure_ = fmt::format("{} takes no more records: {}; whether that was recorded will be known "
                           "when the pool is opened again (outcome unknown)",
                           directory_.path_of(kFileName),
                           what);
}

void Journal::reserve(std::size_t payload) {
    require_writable();
    const std::uint64_t need = end_ + frame_size(payload);
    if (need <= allocated_)
        return;
    const std::uint64_t size = round_up(need, std::max<std::uint64_t>(options_.headroom, 1));
    file_->allocate(size);
    allocated_ = size;
}

void Journal::append(FrameKind kind,
                     TransactionId transaction,
                     std::span<const std::byte> payload) {
    require_writable();
    const auto frame = pack_frame(
        {.transaction = transaction, .number = frames_ + 1, .kind = kind}, payload, seed_);
    TS_ASSERT(end_ + frame.size() <= allocated_);
    try {
        file_->write(end_, frame);
        file_->sync();
    } catch (const std::exception& error) {
        fail(error.what());
        throw;
    } catch (...) { // a power cut of a test
        fail("it was interrupted");
        throw;
    }
    end_ += frame.size();
    ++frames_;
}

bool Journal::wants_checkpoint() const noexcept {
    return failure_.empty() && end_ > checkpoint_due_;
}

Checkpoint Journal::checkpoint_of(const State& state, TransactionId transaction) const {
    return make_checkpoint(
        {.pool = header_.pool, .generation = header_.generation + 1}, state, transaction);
}

void Journal::replace(const Checkpoint& checkpoint) {
    require_writable();
    checkpoint_due_ = end_ * 2; // if it fails it is not tried again with each append
    auto file = write_beside(directory_, checkpoint.bytes, options_.headroom);
    try {
        put_in_place(directory_);
    } catch (const std::exception& error) {
        fail(error.what()); // after a crash either file may be the journal
        throw;
    } catch (...) {
        fail("a checkpoint was interrupted");
        throw;
    }
    file_ = std::move(file);
    allocated_ = checkpoint.bytes.size() + options_.headroom;
    switch_to(checkpoint);
}

void Journal::switch_to(const Checkpoint& checkpoint) {
    header_ = checkpoint.header;
    seed_ = frame_seed(header_);
    frames_ = checkpoint.frames;
    end_ = checkpoint.bytes.size();
    checkpoint_due_ = std::max(options_.checkpoint_minimum, end_ * options_.checkpoint_factor);
}

} // namespace thinsnap::journal
