// Journals with right checksums and records that mean anything: refused by an Error, or folded to a
// state that survives a checkpoint.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <thinsnap/error.hpp>

#include "journal/checkpoint.hpp"
#include "journal/reader.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

using journal::FrameKind;

/// Input: for each frame two bytes of payload length, one for kind and transaction, the payload.
std::vector<std::byte> framed(std::span<const std::byte> input) {
    const journal::Header header;
    const auto start = journal::make_checkpoint(header, journal::State{}, TransactionId(1));
    std::vector<std::byte> file = start.bytes;
    std::uint32_t number = start.frames;
    std::uint64_t transaction = 1;
    while (input.size() >= 3) {
        const auto at = [&](std::size_t i) { return std::to_integer<std::size_t>(input[i]); };
        const std::size_t length = std::min(at(0) + 256 * at(1), input.size() - 3);
        const auto kind = static_cast<FrameKind>(1 + at(2) % 3);
        transaction = transaction + (at(2) >> 2U) % 3 - 1;
        const auto frame = journal::pack_frame(
            {.transaction = TransactionId(transaction), .number = ++number, .kind = kind},
            input.subspan(3, length),
            journal::frame_seed(header));
        file.insert(file.end(), frame.begin(), frame.end());
        input = input.subspan(3 + length);
    }
    file.insert(file.end(), input.begin(), input.end());
    return file;
}

void read(std::span<const std::byte> file, const journal::ReadOptions& options) {
    journal::Contents contents;
    try {
        contents = journal::parse_journal(file, "journal", options);
    } catch (const Error&) {
        return;
    }
    // What was read can be written and is read again.
    const auto again =
        journal::make_checkpoint(contents.header, contents.state, contents.transaction);
    const auto seen = journal::parse_journal(again.bytes, "again");
    if (seen.state.size() != contents.state.size() || seen.transaction != contents.transaction)
        std::abort();
    if (contents.last)
        contents.take_back_last();
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    if (input.empty())
        return 0;
    const bool as_it_is = (std::to_integer<unsigned>(input.front()) & 1U) != 0;
    const auto rest = input.subspan(1);
    const std::vector<std::byte> file =
        as_it_is ? std::vector<std::byte>(rest.begin(), rest.end()) : framed(rest);
    read(file, {});
    read(file, {.salvage = true});
    return 0;
}

} // namespace thinsnap::test
