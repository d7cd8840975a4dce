#include "attach/runtime_directory.hpp"

#include <csignal>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "support/temp_dir.hpp"

namespace thinsnap::attach {

namespace {

ActiveRecord sample() {
    return {.device = {.id = DeviceId(17),
                       .name = "web = \"front\" 1",
                       .size = std::uint64_t{40} << 30U,
                       .read_only = true,
                       .path = "/dev/loop12",
                       .since = std::chrono::system_clock::time_point(std::chrono::hours(480000))},
            .loop_number = 12,
            .server = {.pid = 4711, .start = 1234567}};
}

} // namespace

TEST_SUITE("attach.runtime_directory") {
    TEST_CASE("a record is read as it was written") {
        const auto back = decode_record(encode_record(sample()));
        REQUIRE(back);
        CHECK(back->device.id == DeviceId(17));
        CHECK(back->device.name == sample().device.name);
        CHECK(back->device.size == sample().device.size);
        CHECK(back->device.read_only);
        CHECK(back->device.path == "/dev/loop12");
        CHECK(back->device.since == sample().device.since);
        CHECK(back->loop_number == 12);
        CHECK(back->server == sample().server);
    }

    TEST_CASE("text that is cut or altered is no record") {
        const std::string text = encode_record(sample());
        const std::size_t numbers = text.find("path=");
        for (std::size_t length = 0; length < numbers; ++length)
            CHECK_FALSE(decode_record(text.substr(0, length)));
        std::string altered = text;
        altered[altered.find("17")] = 'x';
        CHECK_FALSE(decode_record(altered));
        CHECK_FALSE(decode_record("id=1"));
        CHECK_FALSE(decode_record("nonsense\n"));
    }

    TEST_CASE("records are kept one for each device until they are removed") {
        const test::TempDir temp;
        const RuntimeDirectory directory(temp / "run", "uuid");
        directory.write(sample());
        ActiveRecord other = sample();
        other.device.id = DeviceId(18);
        directory.write(other);
        directory.write(other);
        std::ofstream(directory.path() + "/active/19") << "rubbish";
        CHECK(directory.read().size() == 2);
        directory.remove(DeviceId(17));
        directory.remove(DeviceId(17));
        REQUIRE(directory.read().size() == 1);
        CHECK(directory.read()[0].device.id == DeviceId(18));
    }

    TEST_CASE("a directory that others may write to is refused") {
        const test::TempDir temp;
        const std::string base = temp / "run";
        REQUIRE(::mkdir(base.c_str(), 0700) == 0);
        REQUIRE(::chmod(base.c_str(), 0777) == 0);
        CHECK_THROWS_AS(RuntimeDirectory(base, "uuid"), Error);
        REQUIRE(::chmod(base.c_str(), 0700) == 0);
        CHECK(RuntimeDirectory(base, "uuid").path() == base + "/uuid");
        struct stat st {};
        REQUIRE(::stat((base + "/uuid/devices").c_str(), &st) == 0);
        CHECK((st.st_mode & 0777U) == 0700U);
    }

    TEST_CASE("a directory is found when it is there and removed when nothing is in it") {
        const test::TempDir base;
        CHECK_FALSE(RuntimeDirectory::find(base.path().string(), "uuid"));
        const RuntimeDirectory directory(base.path().string(), "uuid");
        directory.write(sample());
        const auto found = RuntimeDirectory::find(base.path().string(), "uuid");
        REQUIRE(found);
        CHECK(found->read().size() == 1);
        found->remove_if_unused();
        CHECK(found->read().size() == 1);
        found->remove(DeviceId(17));
        found->remove_if_unused();
        CHECK_FALSE(RuntimeDirectory::find(base.path().string(), "uuid"));
    }

    TEST_CASE("a process is told from one that comes to have its number") {
        const ProcessMark own = mark_of(::getpid());
        CHECK(is_alive(own));
        CHECK_FALSE(is_alive({.pid = own.pid, .start = own.start + 1}));
        CHECK_FALSE(is_alive(mark_of(0)));
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0)
            ::pause();
        const ProcessMark mark = mark_of(child);
        CHECK(is_alive(mark));
        CHECK(::kill(child, SIGKILL) == 0);
        siginfo_t ended{};
        CHECK(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);
        CHECK_FALSE(is_alive(mark)); // nobody has asked how it ended
        CHECK(::waitpid(child, nullptr, 0) == child);
        CHECK_FALSE(is_alive(mark));
    }
}

} // namespace thinsnap::attach
