#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <utility>

#include "base/cancellation.hpp"

namespace thinsnap::app {

/// The process was asked to end by a signal. Not an Error, so that code which recovers from
/// failures cannot swallow it.
class Interrupted : public std::exception {
public:
    /// \param message  what was done and what was not
    explicit Interrupted(int signal, std::string message = "interrupted")
        : signal_(signal)
        , message_(std::move(message)) {}
    [[nodiscard]] int signal() const noexcept { return signal_; }
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

private:
    int signal_;
    std::string message_;
};

/// While one lives, SIGINT, SIGTERM and SIGHUP end the process at the next of the calls below
/// instead of at once. A second signal of the same number kills: a pool bears that at any moment.
/// A signal that was ignored when the program started (nohup) stays ignored.
///
/// At most one at a time; made and destroyed in main().
class InterruptHandler {
public:
    /// \throws SystemError
    InterruptHandler();
    InterruptHandler(const InterruptHandler&) = delete;
    InterruptHandler& operator=(const InterruptHandler&) = delete;
    ~InterruptHandler();

private:
    struct Saved {
        int signal = 0;
        struct sigaction action {};
        bool changed = false;
    };
    std::array<Saved, 3> saved_;
};

/// While one lives, the calls below that this thread makes also end when `cancellation` says so:
/// the request that the thread works for is not wanted any more. At most one a thread.
class CancellationScope {
public:
    /// \param cancellation  must outlive this
    explicit CancellationScope(const Cancellation& cancellation) noexcept;
    CancellationScope(const CancellationScope&) = delete;
    CancellationScope& operator=(const CancellationScope&) = delete;
    ~CancellationScope();
};

/// Whether this thread works under a CancellationScope, so that no signal ends a call it blocks in.
[[nodiscard]] bool is_cancellable() noexcept;

/// \throws Interrupted  `cancellation` was cancelled
void check_cancelled(const Cancellation& cancellation);

/// \throws Interrupted  when a signal has arrived, or see CancellationScope
void check_interrupt();

/// What was asked for is done, and a signal does not undo it: the calls here throw no more. A
/// second signal still kills.
void disregard_interrupts();

/// Waits until `fd` can be read (or is at its end), or written.
/// \throws Interrupted, SystemError
void wait_readable(int fd);
void wait_writable(int fd);

/// \throws Interrupted  as soon as a signal arrives
void interruptible_sleep(std::chrono::milliseconds time);

} // namespace thinsnap::app
