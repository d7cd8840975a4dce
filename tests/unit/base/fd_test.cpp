#include "base/fd.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

} // namespace

TEST_SUITE("base.fd") {
    TEST_CASE("a descriptor is closed with its owner") {
        int raw = -1;
        {
            const Fd fd = open_file("/dev/null", O_RDONLY);
            raw = fd.get();
            CHECK(is_open(raw));
        }
        CHECK_FALSE(is_open(raw));
    }

    TEST_CASE("moving a descriptor empties the source and closes what the target had") {
        Fd first = open_file("/dev/null", O_RDONLY);
        Fd second = open_file("/dev/null", O_RDONLY);
        const int kept = first.get();
        const int closed = second.get();
        second = std::move(first);
        CHECK(second.get() == kept);
        CHECK_FALSE(is_open(closed));
        // NOLINTNEXTLINE(bugprone-use-after-move) that it is empty now is what is tested
        CHECK_FALSE(first.is_open());
        Fd& self = second;
        second = std::move(self);
        CHECK(is_open(second.get()));
    }

    TEST_CASE("a released descriptor stays open") {
        Fd fd = open_file("/dev/null", O_RDONLY);
        const int raw = fd.release();
        CHECK_FALSE(fd.is_open());
        CHECK(is_open(raw));
        ::close(raw);
    }

    TEST_CASE("files are opened for this process alone") {
        const Fd fd = open_file("/dev/null", O_RDONLY);
        CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }

    TEST_CASE("opening what is not there names it") {
        try {
            static_cast<void>(open_file("/nonexistent/file", O_RDONLY));
            FAIL("it was opened");
        } catch (const SystemError& error) {
            CHECK(error.kind() == Errc::not_found);
            CHECK(std::string(error.what()).find("/nonexistent/file") != std::string::npos);
        }
    }

    TEST_CASE("a text file is replaced as a whole and read back") {
        const TempDir directory;
        const std::string path = directory / "file";
        replace_text_file(path, "one\n");
        replace_text_file(path, "two\n");
        CHECK(read_text_file(path) == "two\n");
        std::size_t entries = 0;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator(directory.path()))
            ++entries;
        CHECK(entries == 1);
        replace_volatile_file(path, "three\n");
        CHECK(read_text_file(path) == "three\n");
        CHECK_FALSE(std::filesystem::exists(path + ".new"));
    }

    TEST_CASE("replacing a file in a directory that is not there changes nothing") {
        const TempDir directory;
        CHECK_THROWS_AS(replace_text_file(directory / "no/file", "x"), SystemError);
    }

    TEST_CASE("a text file over the limit is refused") {
        const TempDir directory;
        const std::string path = directory / "file";
        replace_text_file(path, std::string(100, 'x'));
        CHECK(read_text_file(path, 100).size() == 100);
        CHECK_THROWS_AS(static_cast<void>(read_text_file(path, 99)), Error);
    }
}

} // namespace thinsnap::test
