#include "journal/reader.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "journal/record_codec.hpp"

namespace thinsnap::journal {

namespace {

/// A journal is folded long before it gets there.
constexpr std::uint64_t kMaxFile = std::uint64_t{4} << 30U;

/// About what the entries of large journals take; most of them are containers.
constexpr std::size_t kBytesAnEntry = 100;

/// How often a file in which something looks wrong is read again while it keeps changing.
constexpr int kAttempts = 20;

bool is_zero(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

/// What is wrong, and the range of the file that shows it.
struct Damage {
    std::string what;
    std::size_t from = 0;
    std::size_t to = 0;
    Errc kind = Errc::corrupt;
};

/// One pass over a file.
class Parser {
public:
    Parser(std::span<const std::byte> file, Contents& to)
        : file_(file)
        , to_(to) {}

    /// \return what stopped it, nothing at the journal's end
    [[nodiscard]] std::optional<Damage> run() {
        try {
            to_.header = unpack_header(file_);
        } catch (const Error& error) {
            return Damage{error.what(), 0, std::min(file_.size(), kHeaderSize), error.kind()};
        }
        seed_ = frame_seed(to_.header);
        to_.end = kHeaderSize;
        to_.file_size = file_.size();
        to_.state.reserve(file_.size() / kBytesAnEntry);
        while (const auto frame = find_frame(file_, to_.end, seed_)) {
            if (auto damage = take(*frame))
                return damage;
            to_.end = frame->end();
            to_.frames = frame->header.number;
        }
        return look_behind();
    }

private:
    [[nodiscard]] std::optional<Damage> take(const Frame& frame) {
        try {
            check_order(frame.header);
            fold(frame);
        } catch (const Error& error) {
            return Damage{
                fmt::format(
                    "frame {} at offset {}: {}", frame.header.number, frame.offset, error.what()),
                frame.offset,
                frame.end(),
                error.kind() == Errc::unsupported ? Errc::unsupported : Errc::corrupt};
        }
        return std::nullopt;
    }

    void check_order(const FrameHeader& header) const {
        if (header.number != to_.frames + 1)
            refuse(fmt::format("its number is {}, expected {}", header.number, to_.frames + 1));
        const auto now = to_.transaction;
        switch (header.kind) {
        case FrameKind::checkpoint:
            if (to_.checkpoint_size != 0)
                refuse("a part of a checkpoint behind its end");
            if (to_.frames != 0)
                require_transaction(header, now, "of the checkpoint");
            return;
        case FrameKind::change:
            require_checkpoint();
            if (header.transaction != now && header.transaction != now + 1)
                refuse(fmt::format("its transaction is {}, expected {} or {}",
                                   header.transaction.value(),
                                   now.value(),
                                   now.value() + 1));
            return;
        case FrameKind::abort:
            require_checkpoint();
            if (!to_.last)
                refuse("it aborts, and the frame before it is no transaction of the pool");
            require_transaction(header, TransactionId(now.value() - 1), "before the aborted one");
            return;
        }
        throw Error(Errc::unsupported,
                    fmt::format("the unknown kind {}; written by a newer version",
                                static_cast<std::uint32_t>(header.kind)));
    }

    void require_checkpoint() const {
        if (to_.checkpoint_size == 0)
            refuse("it stands in a checkpoint that has no end");
    }

    static void
    require_transaction(const FrameHeader& header, TransactionId expected, const char* which) {
        if (header.transaction != expected)
            refuse(fmt::format("its transaction is {}, expected {}, the one {}",
                               header.transaction.value(),
                               expected.value(),
                               which));
    }

    void fold(const Frame& frame) {
        LastChange change{frame.header.transaction, {}, {}};
        const bool moves =
            frame.header.kind == FrameKind::change && frame.header.transaction != to_.transaction;
        Undo* undo = frame.header.kind == FrameKind::change ? &change.undo : nullptr;
        bool complete = false;
        try {
            for_each_record(frame.payload, [&](Record&& record) {
                if (complete)
                    refuse("a record behind the end of the checkpoint");
                require_place(frame.header, record, moves);
                complete = std::holds_alternative<CheckpointEnd>(record);
                if (moves && is_operation(record))
                    change.operations.push_back(record);
                to_.state.apply(std::move(record), undo);
            });
        } catch (const Error&) {
            to_.state.take_back(change.undo);
            throw;
        }
        if (complete)
            to_.checkpoint_size = frame.end();
        if (frame.header.kind == FrameKind::abort)
            return to_.take_back_last();
        to_.transaction = frame.header.transaction;
        to_.last.reset();
        if (moves)
            to_.last = std::move(change);
    }

    [[nodiscard]] static bool is_operation(const Record& record) {
        return std::holds_alternative<PoolCreate>(record) ||
               std::holds_alternative<PoolSnapshot>(record) ||
               std::holds_alternative<PoolDelete>(record);
    }

    /// Each kind of frame has records of its own.
    void require_place(const FrameHeader& header, const Record& record, bool moves) const {
        const auto* aborted = std::get_if<Aborted>(&record);
        const bool ends = std::holds_alternative<CheckpointEnd>(record);
        bool right = false;
        switch (header.kind) {
        case FrameKind::checkpoint:
            right = aborted == nullptr && !is_operation(record);
            break;
        case FrameKind::change:
            right = aborted == nullptr && !ends && (moves || !is_operation(record));
            break;
        case FrameKind::abort:
            right = aborted != nullptr && aborted->transaction == to_.transaction;
            break;
        }
        if (!right)
            refuse(fmt::format("a record '{}' that does not belong there", name_of(record)));
    }

    /// No valid frame stands at `end`. Is it the end?
    [[nodiscard]] std::optional<Damage> look_behind() {
        const auto rest = file_.subspan(std::min<std::size_t>(to_.end, file_.size()));
        const bool clean = is_zero(rest);
        if (!clean) {
            to_.torn_bytes = rest.size();
            if (const auto behind = find_behind())
                return Damage{fmt::format("no valid frame at offset {}, where frame {} belongs, "
                                          "but frame {} of transaction {} at offset {}",
                                          to_.end,
                                          to_.frames + 1,
                                          behind->header.number,
                                          behind->header.transaction.value(),
                                          behind->offset),
                              to_.end,
                              behind->offset};
        }
        if (to_.checkpoint_size == 0)
            return Damage{fmt::format("the checkpoint at its beginning stops at offset {}, after "
                                      "{} frames",
                                      to_.end,
                                      to_.frames),
                          to_.end,
                          std::min<std::size_t>(file_.size(), to_.end + kFrameHeaderSize)};
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Frame> find_behind() const {
        for (std::size_t at = to_.end + kFrameAlignment; at < file_.size(); at += kFrameAlignment)
            if (auto frame = find_frame(file_, at, seed_))
                return frame;
        return std::nullopt;
    }

    [[noreturn]] static void refuse(const std::string& why) { throw Error(Errc::corrupt, why); }

    std::span<const std::byte> file_;
    Contents& to_;
    std::uint32_t seed_ = 0;
};

struct FileBytes {
    std::unique_ptr<std::byte[]> data; // NOLINT(*-avoid-c-arrays) not to be filled with zeros first
    std::size_t size = 0;
    [[nodiscard]] std::span<const std::byte> span() const { return {data.get(), size}; }
};

std::optional<FileBytes> load(JournalDirectory& directory) {
    const auto file = directory.open(kFileName, true);
    if (!file)
        return std::nullopt;
    const std::uint64_t size = file->size();
    if (size > kMaxFile)
        throw Error(Errc::corrupt,
                    fmt::format("{}: {} bytes, a journal has at most {}",
                                directory.path_of(kFileName),
                                size,
                                kMaxFile));
    FileBytes bytes{std::make_unique_for_overwrite<std::byte[]>(size), size};
    bytes.size = file->read(0, {bytes.data.get(), bytes.size});
    return bytes;
}

Contents give(Contents&& contents,
              std::optional<Damage>&& damage,
              std::string_view name,
              const ReadOptions& options) {
    if (!damage)
        return std::move(contents);
    if (!options.salvage || damage->kind != Errc::corrupt || contents.checkpoint_size == 0)
        throw Error(damage->kind, fmt::format("{}: {}", name, damage->what));
    contents.damage = fmt::format("{}: {}", name, damage->what);
    return std::move(contents);
}

bool differs(const FileBytes& a, const FileBytes& b, const Damage& where) {
    const auto part = [&](const FileBytes& bytes) {
        const std::size_t to = std::min(where.to, bytes.size);
        return bytes.span().subspan(std::min(where.from, to), to - std::min(where.from, to));
    };
    return !std::ranges::equal(part(a), part(b));
}

} // namespace

void Contents::take_back_last() {
    state.take_back(last->undo);
    transaction = TransactionId(last->transaction.value() - 1);
    last.reset();
}

Contents
parse_journal(std::span<const std::byte> file, std::string_view name, const ReadOptions& options) {
    Contents contents;
    auto damage = Parser(file, contents).run();
    return give(std::move(contents), std::move(damage), name, options);
}

std::optional<Contents> read_journal(JournalDirectory& directory, const ReadOptions& options) {
    auto bytes = load(directory);
    for (int attempt = 1; bytes; ++attempt) {
        Contents contents;
        auto damage = Parser(bytes->span(), contents).run();
        if (damage) {
            // A frame that a writer was just appending, or a header of a file just made?
            auto again = load(directory);
            if (again && attempt < kAttempts && differs(*bytes, *again, *damage)) {
                bytes = std::move(again);
                continue;
            }
        }
        return give(std::move(contents), std::move(damage), directory.path_of(kFileName), options);
    }
    return std::nullopt;
}

} // namespace thinsnap::journal
