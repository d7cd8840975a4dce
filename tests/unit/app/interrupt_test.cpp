#include "app/interrupt.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "app/interruptible_device.hpp"
#include "app/stream_io.hpp"
#include "base/fd.hpp"
#include "io/scratch_device.hpp"

namespace thinsnap::test {

namespace {

struct Pipe {
    Fd out;
    Fd in;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    return {Fd(ends[0]), Fd(ends[1])};
}

int signal_of(const auto& call) {
    try {
        call();
    } catch (const app::Interrupted& interrupted) {
        return interrupted.signal();
    }
    return 0;
}

auto handler_of(int signal) {
    struct sigaction now {};
    REQUIRE(::sigaction(signal, nullptr, &now) == 0);
    return now.sa_handler;
}

} // namespace

TEST_SUITE("app.interrupt") {
    TEST_CASE("a signal is noticed whether it comes before a wait or during it") {
        const Pipe pipe = make_pipe();
        SUBCASE("before") {
            const app::InterruptHandler handler;
            CHECK_NOTHROW(app::check_interrupt());
            REQUIRE(::raise(SIGINT) == 0);
            CHECK(signal_of([&] { app::wait_readable(pipe.out.get()); }) == SIGINT);
            CHECK(signal_of([] { app::check_interrupt(); }) == SIGINT);
            CHECK(signal_of([] { app::interruptible_sleep(std::chrono::hours(1)); }) == SIGINT);
        }
        SUBCASE("during") {
            const app::InterruptHandler handler;
            std::jthread later([] {
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
                ::kill(::getpid(), SIGTERM);
            });
            CHECK(signal_of([&] { app::wait_readable(pipe.out.get()); }) == SIGTERM);
        }
    }

    TEST_CASE("a second signal kills and the old action comes back in the end") {
        const auto before = handler_of(SIGTERM);
        {
            const app::InterruptHandler handler;
            REQUIRE(::raise(SIGINT) == 0);
            const bool kills = handler_of(SIGINT) == SIG_DFL;
            CHECK(kills);
            const bool installed = handler_of(SIGTERM) != before;
            CHECK(installed);
        }
        const bool restored = handler_of(SIGTERM) == before;
        CHECK(restored);
        CHECK_NOTHROW(app::check_interrupt());
    }

    TEST_CASE("input and output that are ready are not waited for") {
        const app::InterruptHandler handler;
        const Pipe pipe = make_pipe();
        app::wait_writable(pipe.in.get());
        REQUIRE(::write(pipe.in.get(), "x", 1) == 1);
        app::wait_readable(pipe.out.get());
        CHECK(true);
    }

    TEST_CASE("a cancellation ends what its own thread waits for and no other") {
        const Pipe pipe = make_pipe();
        Cancellation cancellation;
        CHECK_FALSE(app::is_cancellable());
        {
            const app::CancellationScope scope(cancellation);
            CHECK(app::is_cancellable());
            CHECK_NOTHROW(app::check_interrupt());
            std::jthread later([&] {
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
                cancellation.cancel(SIGHUP);
            });
            CHECK(signal_of([&] { app::wait_readable(pipe.out.get()); }) == SIGHUP);
            cancellation.cancel(SIGTERM); // the first counts
            CHECK(signal_of([] { app::check_interrupt(); }) == SIGHUP);
            std::jthread([] { CHECK_NOTHROW(app::check_interrupt()); }).join();
        }
        CHECK_NOTHROW(app::check_interrupt());
        CHECK(signal_of([&] { app::check_cancelled(cancellation); }) == SIGHUP);
    }

    TEST_CASE("a cancellable write to a full pipe does not wait for its reader") {
        const Pipe pipe = make_pipe();
        Cancellation cancellation;
        const app::CancellationScope scope(cancellation);
        std::jthread later([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            cancellation.cancel(SIGHUP);
        });
        const std::vector<std::byte> more_than_it_holds(std::size_t{4} << 20U);
        CHECK(signal_of([&] { app::write_fully(pipe.in.get(), more_than_it_holds, "a pipe"); }) ==
              SIGHUP);
    }

    TEST_CASE("a signal ends work that reads a device") {
        const app::InterruptHandler handler;
        io::ScratchDevice memory(4096);
        app::InterruptibleDevice device(memory);
        std::array<std::byte, 16> into{};
        device.read(0, into);
        REQUIRE(::raise(SIGINT) == 0);
        CHECK(signal_of([&] { device.read(0, into); }) == SIGINT);
        CHECK_NOTHROW(
            device.write(0, into)); // what writes is left at places that are safe to leave
    }
}

} // namespace thinsnap::test
