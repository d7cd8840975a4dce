#include "journal/journal.hpp"

#include <cerrno>
#include <string>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "journal/record_codec.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/volatile_directory.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its
using Operation = DirectoryOperation;

namespace {

constexpr JournalOptions kSmall{
    .headroom = 4096, .checkpoint_factor = 4, .checkpoint_minimum = 2000};

std::vector<std::byte> payload(const std::vector<Record>& records) {
    std::vector<std::byte> bytes;
    for (const Record& record : records)
        encode(record, bytes);
    return bytes;
}

struct Rig {
    Rig() { create_journal(directory, {}, TransactionId(0)); }

    Journal open() { return {directory, read_journal(directory).value(), kSmall}; }
    void append(Journal& journal, std::uint64_t transaction, const std::vector<Record>& records) {
        const auto bytes = payload(records);
        journal.reserve(bytes.size());
        journal.append(FrameKind::change, TransactionId(transaction), bytes);
    }
    void append_container(Journal& journal, std::uint32_t device) {
        append(journal,
               device,
               {PoolCreate{DeviceId(device)}, container(device, fmt::format("c{}", device))});
    }
    /// What is read when the power goes off now and nothing survives that was not flushed.
    std::optional<Contents> after_cut() {
        VolatileDirectory left(power, directory.image_after_cut({}, 0, directory.unflushed()));
        return read_journal(left);
    }

    PowerSupply power;
    VolatileDirectory directory{power};
};

} // namespace

TEST_SUITE("journal.journal") {
    TEST_CASE("a new journal is empty and durable and there is only one") {
        Rig rig;
        REQUIRE(rig.after_cut().has_value());
        CHECK(rig.after_cut()->state.size() == 0);
        CHECK(failure_of([&] { create_journal(rig.directory, {}, TransactionId(0)); }) ==
              Errc::already_exists);
        VolatileDirectory empty(rig.power);
        CHECK_FALSE(read_journal(empty).has_value());
    }

    TEST_CASE("an append is durable when it returns and the next one goes on behind it") {
        Rig rig;
        {
            Journal journal = rig.open();
            rig.append_container(journal, 1);
            CHECK(rig.after_cut()->state.size() == 1);
        }
        Journal journal = rig.open();
        rig.append_container(journal, 2);
        CHECK(rig.after_cut()->state.size() == 2);
        CHECK(rig.after_cut()->frames == 3);
    }

    TEST_CASE("space is taken ahead so that most appends only write and flush") {
        Rig rig;
        Journal journal = rig.open();
        rig.append_container(journal, 1);
        const auto allocations = rig.directory.count(Operation::allocate);
        const auto flushes = rig.directory.count(Operation::sync_file);
        for (std::uint32_t i = 2; i < 12; ++i)
            rig.append_container(journal, i);
        CHECK(rig.directory.count(Operation::allocate) == allocations);
        CHECK(rig.directory.count(Operation::sync_file) == flushes + 10);
        for (std::uint32_t i = 12; i < 100; ++i)
            rig.append_container(journal, i);
        CHECK(rig.directory.count(Operation::allocate) > allocations);
        CHECK(rig.after_cut()->state.size() == 99);
    }

    TEST_CASE("no space is found before anything is written and does no harm") {
        Rig rig;
        Journal journal = rig.open();
        rig.directory.fail(Operation::allocate, ENOSPC);
        CHECK(failure_of([&] { journal.reserve(100); }) == Errc::no_space);
        CHECK(journal.failure().empty());
        rig.append_container(journal, 1);
        CHECK(rig.after_cut()->state.size() == 1);
    }

    TEST_CASE("a failed append makes the journal read-only with an unknown outcome") {
        for (const Operation operation : {Operation::write, Operation::sync_file}) {
            Rig rig;
            Journal journal = rig.open();
            rig.append_container(journal, 1);
            rig.directory.fail(operation, EIO);
            CHECK(failure_of([&] { rig.append_container(journal, 2); }) == Errc::io);
            CHECK(journal.failure().find("outcome unknown") != std::string::npos);
            CHECK(failure_of([&] { rig.append_container(journal, 2); }) == Errc::read_only);
            CHECK_FALSE(journal.wants_checkpoint());
            Journal again = rig.open(); // knows by what is there
            const auto seen = read_journal(rig.directory)->state.size();
            CHECK(seen == (operation == Operation::write ? 1 : 2));
            rig.append_container(again, 3 - (seen == 1 ? 1 : 0));
            CHECK(rig.after_cut()->state.size() == seen + 1);
        }
    }

    TEST_CASE("opening makes durable what a killed process left to the page cache") {
        Rig rig;
        {
            Journal journal = rig.open();
            rig.directory.break_sync(BrokenSync::file); // it was killed before the flush
            rig.append_container(journal, 1);
            rig.directory.break_sync(BrokenSync::none);
        }
        CHECK(rig.after_cut()->state.size() == 0);
        const Journal journal = rig.open();
        CHECK(rig.after_cut()->state.size() == 1);
    }

    TEST_CASE("a torn tail is gone when the journal is open") {
        Rig rig;
        {
            Journal journal = rig.open();
            rig.append_container(journal, 1);
            rig.directory.fail(Operation::write, EIO);
            CHECK(failure_of([&] { rig.append_container(journal, 2); }).has_value());
        }
        CHECK(read_journal(rig.directory)->torn_bytes > 0);
        Journal journal = rig.open();
        CHECK(read_journal(rig.directory)->torn_bytes == 0);
        rig.append_container(journal, 2);
        CHECK(rig.after_cut()->state.size() == 2);
    }

    TEST_CASE("a checkpoint is due when the frames outgrow what they say") {
        Rig rig;
        Journal journal = rig.open();
        rig.append_container(journal, 1);
        std::uint64_t transaction = 1;
        while (!journal.wants_checkpoint())
            rig.append(journal, transaction, {LabelsSet{DeviceId(1), at_second(1), {{"a", "b"}}}});
        CHECK(journal.end() > kSmall.checkpoint_minimum);
        const std::uint64_t before = journal.end();
        const auto state = read_journal(rig.directory)->state.size();
        journal.replace(
            journal.checkpoint_of(read_journal(rig.directory)->state, TransactionId(1)));
        CHECK(journal.end() < before / 4);
        CHECK_FALSE(journal.wants_checkpoint());
        CHECK(journal.header().generation == 2);
        CHECK(rig.after_cut()->state.size() == state);
        CHECK(rig.after_cut()->header.generation == 2);
        CHECK(rig.after_cut()->transaction == TransactionId(1));
        rig.append_container(journal, 2);
        CHECK(rig.after_cut()->state.size() == state + 1);
    }

    TEST_CASE("a checkpoint that cannot be written leaves the journal as it was") {
        for (const Operation operation :
             {Operation::create, Operation::allocate, Operation::write, Operation::sync_file}) {
            Rig rig;
            Journal journal = rig.open();
            rig.append_container(journal, 1);
            const Checkpoint checkpoint =
                journal.checkpoint_of(read_journal(rig.directory)->state, TransactionId(1));
            rig.directory.fail(operation, ENOSPC);
            CHECK(failure_of([&] { journal.replace(checkpoint); }) == Errc::no_space);
            CHECK(journal.failure().empty());
            CHECK(rig.directory.image().size() == 1);
            rig.append_container(journal, 2);
            CHECK(rig.after_cut()->state.size() == 2);
            CHECK(rig.after_cut()->header.generation == 1);
        }
    }

    TEST_CASE("a checkpoint whose name may not be durable ends the journal") {
        for (const Operation operation : {Operation::rename, Operation::sync}) {
            Rig rig;
            Journal journal = rig.open();
            rig.append_container(journal, 1);
            const Checkpoint checkpoint =
                journal.checkpoint_of(read_journal(rig.directory)->state, TransactionId(1));
            rig.directory.fail(operation, EIO);
            CHECK(failure_of([&] { journal.replace(checkpoint); }) == Errc::io);
            CHECK(failure_of([&] { rig.append_container(journal, 2); }) == Errc::read_only);
            Journal again = rig.open();
            rig.append_container(again, 2);
            CHECK(rig.after_cut()->state.size() == 2);
            CHECK(rig.directory.image().size() == 1);
        }
    }

    TEST_CASE("a reader that has the file open outlives the rename of a checkpoint") {
        Rig rig;
        Journal journal = rig.open();
        rig.append_container(journal, 1);
        const auto file = rig.directory.open(kFileName, true);
        journal.replace(
            journal.checkpoint_of(read_journal(rig.directory)->state, TransactionId(1)));
        rig.append_container(journal, 2);
        std::vector<std::byte> bytes(file->size());
        CHECK(file->read(0, bytes) == bytes.size());
        CHECK(parse_journal(bytes, "old").state.size() == 1);
    }
}

} // namespace thinsnap::test
