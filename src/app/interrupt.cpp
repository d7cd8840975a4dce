#include "app/interrupt.hpp"

#include <array>
#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap::app {

namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

/// What the handler may touch: an atomic, and the pipe that wakes poll() whatever the order in
/// which the signal and the call happen.
struct State {
    std::atomic<int> signal{0};
    std::array<int, 2> pipe{-1, -1};
    std::atomic<bool> disregarded{false};
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables) signal handlers have no other
State state;
static_assert(std::atomic<int>::is_always_lock_free);

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables) the thread's own
thread_local const Cancellation* thread_cancellation = nullptr;

extern "C" void note_signal(int signal) {
    const int saved = errno;
    int none = 0;
    state.signal.compare_exchange_strong(none, signal);
    const char byte = 0;
    [[maybe_unused]] const ssize_t n = ::write(state.pipe[1], &byte, 1);
    errno = saved;
}

void wait_for(int fd, short events, int timeout) {
    for (;;) {
        check_interrupt();
        const int signalled = state.disregarded ? -1 : state.pipe[0];
        const int cancelled = thread_cancellation != nullptr ? thread_cancellation->fd() : -1;
        std::array<pollfd, 3> wanted{
            pollfd{fd, events, 0}, pollfd{signalled, POLLIN, 0}, pollfd{cancelled, POLLIN, 0}};
        const int n = ::poll(wanted.data(), wanted.size(), timeout);
        if (n < 0 && errno != EINTR)
            throw SystemError(errno, "waiting for input or output");
        check_interrupt();
        if (n >= 0)
            return;
    }
}

} // namespace

InterruptHandler::InterruptHandler() {
    state.signal = 0;
    state.disregarded = false;
    if (::pipe2(state.pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        throw SystemError(errno, "making a pipe");
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        Saved& saved = saved_[i];
        saved.signal = kSignals[i];
        struct sigaction action {};
        action.sa_handler = note_signal;
        // Interrupted system calls go on: the engine's are not ours to cut short. poll() never
        // does.
        action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
        if (::sigaction(saved.signal, nullptr, &saved.action) != 0 ||
            saved.action.sa_handler == SIG_IGN)
            continue;
        saved.changed = ::sigaction(saved.signal, &action, nullptr) == 0;
    }
}

InterruptHandler::~InterruptHandler() {
    for (const Saved& saved : saved_)
        if (saved.changed)
            ::sigaction(saved.signal, &saved.action, nullptr);
    for (int& fd : state.pipe) {
        ::close(fd);
        fd = -1;
    }
    state.signal = 0;
}

CancellationScope::CancellationScope(const Cancellation& cancellation) noexcept {
    thread_cancellation = &cancellation;
}

CancellationScope::~CancellationScope() {
    thread_cancellation = nullptr;
}

bool is_cancellable() noexcept {
    return thread_cancellation != nullptr;
}

void check_cancelled(const Cancellation& cancellation) {
    if (const int signal = cancellation.signal(); signal != 0)
        throw Interrupted(signal);
}

void check_interrupt() {
    if (thread_cancellation != nullptr)
        check_cancelled(*thread_cancellation);
    const int signal = state.signal.load(std::memory_order_relaxed);
    if (signal != 0 && !state.disregarded)
        throw Interrupted(signal);
}

void disregard_interrupts() {
    state.disregarded = true;
}

void wait_readable(int fd) {
    wait_for(fd, POLLIN, -1);
}

void wait_writable(int fd) {
    wait_for(fd, POLLOUT, -1);
}

void interruptible_sleep(std::chrono::milliseconds time) {
    wait_for(-1, 0, static_cast<int>(time.count()));
}

} // namespace thinsnap::app
