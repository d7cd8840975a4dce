#include "journal/reader.hpp"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "journal/checkpoint.hpp"
#include "journal/journal.hpp"
#include "journal/record_codec.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

namespace {

/// A journal in memory, frame by frame.
class Builder {
public:
    explicit Builder(std::uint64_t transaction = 0) {
        const Checkpoint start = make_checkpoint(header_, State{}, TransactionId(transaction));
        bytes_ = start.bytes;
        frames_ = start.frames;
    }

    Builder& add(FrameKind kind, std::uint64_t transaction, const std::vector<Record>& records) {
        std::vector<std::byte> payload;
        for (const Record& record : records)
            encode(record, payload);
        const auto frame = pack_frame(
            {.transaction = TransactionId(transaction), .number = ++frames_, .kind = kind},
            payload,
            frame_seed(header_));
        offsets_.push_back(bytes_.size());
        bytes_.insert(bytes_.end(), frame.begin(), frame.end());
        return *this;
    }
    Builder& change(std::uint64_t transaction, const std::vector<Record>& records) {
        return add(FrameKind::change, transaction, records);
    }
    Builder& headroom(std::size_t n) {
        bytes_.resize(bytes_.size() + n);
        return *this;
    }
    void skip_number() { ++frames_; }

    [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }
    [[nodiscard]] std::size_t offset(std::size_t frame) const { return offsets_.at(frame); }
    [[nodiscard]] Contents read() const { return parse_journal(bytes_, "journal"); }
    [[nodiscard]] std::string refusal() const {
        return message_of([&] { (void)read(); });
    }
    [[nodiscard]] Errc kind() const {
        return failure_of([&] { (void)read(); }).value();
    }

private:
    Header header_{.pool = make_uuid(), .generation = 3};
    std::vector<std::byte> bytes_;
    std::vector<std::size_t> offsets_;
    std::uint32_t frames_ = 0;
};

std::vector<Record> made(std::uint32_t device, const std::string& name) {
    return {PoolCreate{DeviceId(device)}, container(device, name)};
}

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_SUITE("journal.reader") {
    TEST_CASE("a journal is the fold of its frames up to the headroom") {
        Builder file(4);
        file.change(5, made(1, "one")).change(5, {LabelsSet{DeviceId(1), at_second(3), {}}});
        file.change(6, made(2, "two")).headroom(5000);
        const Contents contents = file.read();
        CHECK(contents.transaction == TransactionId(6));
        CHECK(contents.state.containers().size() == 2);
        CHECK(contents.frames == 4);
        CHECK(contents.torn_bytes == 0);
        CHECK(contents.end == file.bytes().size() - 5000);
        CHECK(contents.header.generation == 3);
        REQUIRE(contents.last.has_value());
        CHECK(contents.last->transaction == TransactionId(6));
        CHECK(contents.last->operations == std::vector<Record>{PoolCreate{DeviceId(2)}});
    }

    TEST_CASE("a last change can be taken back and one before names cannot") {
        Builder file;
        file.change(1, made(1, "one"));
        Contents contents = file.read();
        contents.take_back_last();
        CHECK(contents.state.containers().empty());
        CHECK(contents.transaction == TransactionId(0));
        file.change(1, {LabelsSet{DeviceId(1), at_second(3), {}}});
        CHECK_FALSE(file.read().last.has_value());
    }

    TEST_CASE("an aborted transaction is as if it had never been") {
        Builder file;
        file.change(1, made(1, "one"));
        file.add(FrameKind::abort, 0, {Aborted{TransactionId(1)}});
        CHECK(file.read().state.size() == 0);
        CHECK(file.read().transaction == TransactionId(0));
        CHECK_FALSE(file.read().last.has_value());
        file.change(1, made(2, "one"));
        CHECK(file.read().state.find_container("one")->device == DeviceId(2));
    }

    TEST_CASE("a torn tail of any length is cut off") {
        Builder file;
        file.change(1, made(1, "one"));
        const std::size_t sound = file.bytes().size();
        file.change(2, made(2, "two"));
        const auto whole = file.bytes();
        for (std::size_t n = sound; n < whole.size(); ++n) {
            const auto cut = std::span(whole).first(n);
            const Contents contents = parse_journal(cut, "journal");
            CHECK(contents.state.size() == 1);
            CHECK(contents.end == sound);
            CHECK(contents.transaction == TransactionId(1));
        }
        for (std::size_t i = sound; i < sound + kFrameHeaderSize; ++i) {
            auto torn = whole;
            torn[i] ^= std::byte{0x40};
            torn.resize(torn.size() + 4096);
            const Contents contents = parse_journal(torn, "journal");
            CHECK(contents.torn_bytes == torn.size() - sound);
            CHECK(contents.state.size() == 1);
        }
    }

    TEST_CASE("damage before a valid frame is an error with file and offset and numbers") {
        Builder file;
        file.change(1, made(1, "one")).change(2, made(2, "two")).change(3, made(3, "three"));
        for (const std::size_t at : {file.offset(1) + 4, file.offset(1) + kFrameHeaderSize + 3}) {
            Builder damaged = file;
            damaged.bytes()[at] ^= std::byte{1};
            CHECK(damaged.kind() == Errc::corrupt);
            const std::string text = damaged.refusal();
            CAPTURE(text);
            CHECK(says(text, "journal: "));
            CHECK(says(text, fmt::format("at offset {}, where frame 3", file.offset(1))));
            CHECK(says(text, fmt::format("frame 4 of transaction 3 at offset {}", file.offset(2))));
        }
        Builder zeroed = file;
        std::fill_n(zeroed.bytes().begin() + static_cast<std::ptrdiff_t>(file.offset(1)),
                    file.offset(2) - file.offset(1),
                    std::byte{0});
        CHECK(zeroed.kind() == Errc::corrupt);
    }

    TEST_CASE("what stands before damage can be salvaged") {
        Builder file;
        file.change(1, made(1, "one")).change(2, made(2, "two")).change(3, made(3, "three"));
        file.bytes()[file.offset(1)] ^= std::byte{1};
        const Contents contents = parse_journal(file.bytes(), "journal", {.salvage = true});
        CHECK(contents.state.size() == 1);
        CHECK(contents.transaction == TransactionId(1));
        CHECK(says(contents.damage, "frame 4"));
    }

    TEST_CASE("a checkpoint that is not whole is damage") {
        const Checkpoint checkpoint = make_checkpoint(
            {.pool = make_uuid(), .generation = 1}, large_state(50), TransactionId(9));
        CHECK(parse_journal(checkpoint.bytes, "j").state == large_state(50));
        CHECK(parse_journal(checkpoint.bytes, "j").transaction == TransactionId(9));
        CHECK(parse_journal(checkpoint.bytes, "j").checkpoint_size == checkpoint.bytes.size());
        for (std::size_t n = 0; n < checkpoint.bytes.size(); n += n < 200 ? 1 : 97) {
            const auto part = std::span(checkpoint.bytes).first(n);
            CHECK(failure_of([&] { (void)parse_journal(part, "j"); }) == Errc::corrupt);
            CHECK(failure_of([&] { (void)parse_journal(part, "j", {.salvage = true}); }) ==
                  Errc::corrupt);
        }
    }

    TEST_CASE("frames that contradict each other are damage") {
        const auto refused = [](const std::function<void(Builder&)>& add, const char* why) {
            Builder file(7);
            file.change(8, made(1, "one"));
            add(file);
            CAPTURE(why);
            CHECK(file.kind() == Errc::corrupt);
            CHECK(says(file.refusal(), why));
            CHECK(says(file.refusal(), "frame "));
            CHECK(says(file.refusal(), "at offset "));
        };
        refused([](Builder& f) { f.change(10, made(2, "two")); }, "transaction is 10");
        refused([](Builder& f) { f.change(7, {Condemned{DeviceId(1)}}); }, "transaction is 7");
        refused([](Builder& f) { f.change(8, made(2, "two")); }, "does not belong there");
        refused([](Builder& f) { f.change(9, made(2, "one")); }, "container 'one' exists");
        refused([](Builder& f) { f.change(9, {CheckpointEnd{}}); }, "does not belong there");
        refused([](Builder& f) { f.add(FrameKind::checkpoint, 8, {}); }, "behind its end");
        refused([](Builder& f) { f.add(FrameKind::abort, 8, {Aborted{TransactionId(9)}}); },
                "expected 7");
        refused([](Builder& f) { f.add(FrameKind::abort, 7, {Aborted{TransactionId(7)}}); },
                "does not belong there");
        refused(
            [](Builder& f) {
                f.change(8, {Condemned{DeviceId(1)}});
                f.add(FrameKind::abort, 7, {Aborted{TransactionId(8)}});
            },
            "no transaction of the pool");
        refused(
            [](Builder& f) {
                f.skip_number();
                f.change(9, made(2, "two"));
            },
            "its number is 4");
    }

    TEST_CASE("a kind of frame that is not known is refused as unsupported") {
        Builder file;
        file.add(static_cast<FrameKind>(9), 0, {});
        CHECK(file.kind() == Errc::unsupported);
    }

    TEST_CASE("a file that is no journal is refused") {
        CHECK(failure_of([] { (void)parse_journal({}, "j"); }) == Errc::corrupt);
        const std::vector<std::byte> zeros(4096);
        CHECK(failure_of([&] { (void)parse_journal(zeros, "j"); }) == Errc::corrupt);
    }

    TEST_CASE("bytes in a record that look like a frame of another journal hide no torn tail") {
        Builder other;
        other.change(1, made(1, "one"));
        Builder file;
        Image trap = image("trap", 1);
        trap.manifest.assign(7, ' '); // so that the frame in it is aligned for some name
        for (const std::byte b : other.bytes())
            trap.manifest += static_cast<char>(b);
        for (int shift = 0; shift < 8; ++shift) {
            trap.name += 'x';
            Builder torn = file;
            torn.change(0, {ImageSet{trap}});
            torn.bytes()[torn.offset(0) + 1] ^= std::byte{1};
            CHECK(torn.read().state.size() == 0);
        }
    }
}

} // namespace thinsnap::test
