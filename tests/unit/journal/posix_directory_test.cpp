#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "journal/journal.hpp"
#include "journal/journal_directory.hpp"
#include "journal/reader.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

TEST_SUITE("journal.posix_directory") {
    TEST_CASE("files are written and read and grow and shrink") {
        const TempDir temp;
        const auto directory = open_journal_directory(temp.path().string());
        CHECK(directory->open("a", true) == nullptr);
        const auto file = directory->create("a");
        const auto bytes = pattern(1, 0, 100'000);
        file->write(7, bytes);
        CHECK(file->size() == 100'007);
        file->allocate(300'000);
        CHECK(file->size() == 300'000);
        file->allocate(10);
        CHECK(file->size() == 300'000);
        file->sync();
        std::vector<std::byte> seen(100'000);
        CHECK(directory->open("a", true)->read(7, seen) == seen.size());
        CHECK(seen == bytes);
        CHECK(file->read(299'990, seen) == 10);
        CHECK(seen.front() == std::byte{0});
        file->truncate(50);
        CHECK(file->size() == 50);
        CHECK(file->read(50, seen) == 0);
    }

    TEST_CASE("names are made and changed and removed") {
        const TempDir temp;
        const auto directory = open_journal_directory(temp.path().string());
        directory->create("a")->write(0, pattern(1, 0, 10));
        directory->rename("a", "b");
        directory->sync();
        CHECK(directory->open("a", true) == nullptr);
        CHECK(directory->open("b", false)->size() == 10);
        CHECK(directory->create("b")->size() == 0);
        directory->remove("b");
        directory->remove("b");
        CHECK(std::filesystem::is_empty(temp.path()));
        CHECK(directory->path_of("b") == (temp / "b").string());
    }

    TEST_CASE("failures name the file") {
        const TempDir temp;
        CHECK(failure_of([&] { (void)open_journal_directory((temp / "none").string()); }) ==
              Errc::not_found);
        const auto directory = open_journal_directory(temp.path().string());
        CHECK(message_of([&] { directory->rename("a", "b"); }).find((temp / "a").string()) !=
              std::string::npos);
        std::filesystem::create_symlink("elsewhere", temp / "journal");
        CHECK(message_of([&] { (void)read_journal(*directory); }).find("journal") !=
              std::string::npos);
    }

    TEST_CASE("a journal on a real directory is made and grows and is folded") {
        const TempDir temp;
        const auto directory = open_journal_directory(temp.path().string());
        create_journal(*directory, make_uuid(), TransactionId(3));
        const State state = large_state(100);
        {
            Journal journal(*directory, read_journal(*directory).value(), {});
            journal.reserve(5);
            journal.append(FrameKind::change, TransactionId(4), {});
            journal.replace(journal.checkpoint_of(state, TransactionId(4)));
        }
        CHECK(read_journal(*directory)->state == state);
        CHECK(std::distance(std::filesystem::directory_iterator(temp.path()), {}) == 1);
    }
}

} // namespace thinsnap::test
