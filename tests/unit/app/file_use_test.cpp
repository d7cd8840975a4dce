#include "app/file_use.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;

/// A /sys/block with one loop device.
void write_backing_file(const fs::path& sys_block, const std::string& content) {
    fs::create_directories(sys_block / "loop7" / "loop");
    fs::create_directories(sys_block / "loop8"); // not in use: no directory `loop`
    fs::create_directories(sys_block / "sda");
    std::ofstream(sys_block / "loop7" / "loop" / "backing_file") << content;
}

} // namespace

TEST_SUITE("app.file_use") {
    TEST_CASE("a loop device's backing file is found by any of its names") {
        const TempDir dir;
        const fs::path file = dir / "file";
        std::ofstream(file) << "x";
        fs::create_hard_link(file, dir / "other");
        fs::create_symlink(file, dir / "link");
        const std::string sys = (dir / "block").string();
        write_backing_file(sys, (dir / "other").string() + "\n");
        CHECK(app::find_loop_device(file.string(), sys) == "/dev/loop7");
        CHECK(app::find_loop_device((dir / "link").string(), sys) == "/dev/loop7");
        CHECK_FALSE(app::find_loop_device(sys, sys).has_value());
        CHECK_FALSE(app::find_loop_device((dir / "missing").string(), sys).has_value());
    }

    TEST_CASE("a backing file whose name was removed is found under another") {
        const TempDir dir;
        const fs::path file = dir / "file";
        std::ofstream(file) << "x";
        const std::string sys = (dir / "block").string();
        write_backing_file(sys, file.string() + " (deleted)\n");
        CHECK(app::find_loop_device(file.string(), sys) == "/dev/loop7");
    }

    TEST_CASE("without a list of block devices nothing is found") {
        const TempDir dir;
        CHECK_FALSE(app::find_loop_device(dir.path().string(), (dir / "none").string()));
    }

    TEST_CASE("only a descriptor that holds the lock makes a holder") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        const Fd waiting = open_file(path, O_RDWR | O_CREAT);
        CHECK(app::find_lock_holders(path).empty());
        const Fd holding = open_file(path, O_RDWR);
        struct flock lock {};
        lock.l_type = F_RDLCK;
        REQUIRE(::fcntl(holding.get(), F_OFD_SETLK, &lock) == 0);
        const auto holders = app::find_lock_holders(path);
        REQUIRE(holders.size() == 1);
        CHECK(holders[0].pid == ::getpid());
        CHECK(holders[0].command.find("unit_app_test") != std::string::npos);
    }

    TEST_CASE("a command is one line of bounded length") {
        CHECK(app::command_of(::getpid()).size() <= 123);
        CHECK(app::command_of(::getpid()).find('\0') == std::string::npos);
        CHECK(app::command_of(-1).empty());
    }
}

} // namespace thinsnap::test
