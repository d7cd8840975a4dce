#include "rpc/channel.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "rpc/socket.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using rpc::Channel;

struct Ends {
    explicit Ends(rpc::Limits limits = {})
        : Ends(make_pair(), limits) {}
    Channel left;
    Channel right;

private:
    static std::array<Fd, 2> make_pair() {
        std::array<int, 2> fds{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
        return {Fd(fds[0]), Fd(fds[1])};
    }
    Ends(std::array<Fd, 2> fds, rpc::Limits limits)
        : left(std::move(fds[0]), limits)
        , right(std::move(fds[1]), limits) {}
};

void write_raw(const Channel& channel, const std::string& bytes) {
    REQUIRE(::write(channel.socket().get(), bytes.data(), bytes.size()) ==
            static_cast<ssize_t>(bytes.size()));
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 1024; ++fd)
        count += ::fcntl(fd, F_GETFD) >= 0 ? 1U : 0U;
    return count;
}

} // namespace

TEST_SUITE("rpc.channel") {
    TEST_CASE("messages come one by one however their bytes come") {
        Ends ends;
        write_raw(ends.left, "one\ntw");
        CHECK(ends.right.receive()->line == "one");
        write_raw(ends.left, "o\n\nfour\nhalf");
        CHECK(ends.right.receive()->line == "two");
        CHECK(ends.right.receive()->line.empty());
        CHECK(ends.right.receive()->line == "four");
        ::shutdown(ends.left.socket().get(), SHUT_WR);
        CHECK_FALSE(ends.right.receive().has_value());
    }

    TEST_CASE("a long message arrives whole") {
        Ends ends;
        std::string text(200000, 'x'); // more than the socket holds at once
        std::jthread sender([&] { ends.left.send(text); });
        CHECK(ends.right.receive()->line == text);
    }

    TEST_CASE("descriptors come with their message and are closed with it") {
        Ends ends;
        std::array<int, 2> pipe{};
        REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
        const Fd out(pipe[0]);
        Fd in(pipe[1]);
        const std::size_t before = open_descriptors();
        ends.left.send("take it", std::array{in.get()});
        {
            const auto message = ends.right.receive();
            REQUIRE(message->descriptors.size() == 1);
            const int taken = message->descriptors[0].get();
            CHECK((::fcntl(taken, F_GETFD) & FD_CLOEXEC) != 0);
            REQUIRE(::write(taken, "x", 1) == 1);
            char byte = 0;
            CHECK(::read(out.get(), &byte, 1) == 1);
            CHECK(open_descriptors() == before + 1);
        }
        CHECK(open_descriptors() == before);
        ends.left.send("without");
        CHECK(ends.right.receive()->descriptors.empty());
    }

    TEST_CASE("a message over the limits is refused") {
        Ends ends({.line = 10, .descriptors = 1});
        SUBCASE("too long") {
            ends.left.send("0123456789");
            CHECK(ends.right.receive()->line.size() == 10);
            ends.left.send("0123456789x");
            CHECK_THROWS_AS(static_cast<void>(ends.right.receive()), Error);
        }
        SUBCASE("too long and never ending") {
            write_raw(ends.left, "0123456789x");
            CHECK_THROWS_AS(static_cast<void>(ends.right.receive()), Error);
        }
        SUBCASE("too many descriptors") {
            const std::size_t before = open_descriptors();
            ends.left.send("x", std::array{0, 1});
            CHECK_THROWS_AS(static_cast<void>(ends.right.receive()), Error);
            CHECK(open_descriptors() == before + 2); // closed with the channel
        }
    }

    TEST_CASE("sending to an end that is closed is an error and no signal") {
        Ends ends;
        { const Channel gone = std::move(ends.right); }
        CHECK_THROWS_AS(ends.left.send("x"), SystemError);
    }
}

TEST_SUITE("rpc.socket") {
    TEST_CASE("nobody listens where there is no socket or a dead one") {
        const TempDir dir;
        const std::string path = (dir / "socket").string();
        CHECK_FALSE(rpc::connect_to(path).has_value());
        { const Fd listener = rpc::listen_at(path); }
        CHECK_FALSE(rpc::connect_to(path).has_value());
        const Fd again = rpc::listen_at(path); // in the place of the dead one
        CHECK(rpc::connect_to(path).has_value());
    }

    TEST_CASE("a socket is its owner's alone from the start") {
        const TempDir dir;
        const auto path = dir / "socket";
        const Fd listener = rpc::listen_at(path.string());
        CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms(0600));
    }

    TEST_CASE("a path may be longer than an address") {
        const TempDir dir;
        const auto deep = dir / std::string(150, 'd');
        std::filesystem::create_directory(deep);
        const std::string path = (deep / "socket").string();
        const Fd listener = rpc::listen_at(path);
        const auto client = rpc::connect_to(path);
        REQUIRE(client.has_value());
        CHECK(rpc::peer_of(*client).pid == ::getpid());
        CHECK(rpc::peer_of(*client).uid == ::geteuid());
    }

    TEST_CASE("a file that is no socket is never removed") {
        const TempDir dir;
        const std::string path = (dir / "socket").string();
        replace_text_file(path, "precious");
        CHECK_THROWS_AS(static_cast<void>(rpc::listen_at(path)), Error);
        CHECK(read_text_file(path) == "precious");
        CHECK_FALSE(rpc::connect_to(path).has_value());
    }
}

} // namespace thinsnap::test
