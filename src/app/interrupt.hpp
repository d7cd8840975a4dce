#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <utility>

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

/// \throws Interrupted  when a signal has arrived
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
