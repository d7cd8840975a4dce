#include "daemon.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <fmt/core.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <thinsnap/error.hpp>
#include <thinsnap/version.hpp>

#include "rpc/socket.hpp"

#include "log.hpp"
#include "service_manager.hpp"

namespace thinsnap::tools {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How often one looks whether somebody is still there.
constexpr milliseconds kLook{500};

} // namespace

Daemon::Daemon(const Options& options, Fd signals, std::optional<Fd> handed)
    : options_(options)
    , signals_(std::move(signals))
    , owner_(options.pool, options.lock_timeout)
    , owns_socket_(!handed.has_value()) {
    const std::string socket = owner_.pool().paths().socket.string();
    server_.emplace(handed ? *std::move(handed) : rpc::listen_at(socket),
                    service::Dispatcher(owner_, [this] { wanted_.cancel(SIGUSR1); }),
                    rpc::ServerOptions{.log = log_line});
    log_line(fmt::format("version {} holds the pool {} and listens at {}",
                         version(),
                         owner_.pool().paths().directory.string(),
                         owns_socket_ ? socket : "the socket that was handed over"));
    tell_state("READY=1");
}

Daemon::~Daemon() {
    remove_socket();
}

void Daemon::remove_socket() noexcept {
    // We hold the pool's lock, so nobody else can have put his own in its place.
    if (std::exchange(owns_socket_, false))
        ::unlink(owner_.pool().paths().socket.c_str());
}

std::string Daemon::wait_for_end() {
    for (;;) {
        std::array<pollfd, 2> wanted{pollfd{signals_.get(), POLLIN, 0},
                                     pollfd{wanted_.fd(), POLLIN, 0}};
        const bool ends_when_idle = options_.idle_timeout.count() > 0;
        const auto look = std::min(kLook, options_.idle_timeout);
        const int timeout = ends_when_idle ? static_cast<int>(look.count()) : -1;
        if (::poll(wanted.data(), wanted.size(), timeout) < 0 && errno != EINTR)
            throw SystemError(errno, "waiting for something to happen");
        signalfd_siginfo signal{};
        if ((wanted[0].revents & POLLIN) != 0 &&
            ::read(signals_.get(), &signal, sizeof signal) == sizeof signal)
            return fmt::format("signal {}", signal.ssi_signo);
        if (wanted_.signal() != 0)
            return "the pool is wanted by somebody else";
        const auto idle = server_->idle_since();
        if (ends_when_idle && idle && Clock::now() - *idle >= options_.idle_timeout)
            return "nobody has asked for anything";
    }
}

/// Waits until nothing runs any more, unless a signal wants it sooner.
void Daemon::finish_requests() {
    while (server_->running() > 0) {
        pollfd wanted{signals_.get(), POLLIN, 0};
        constexpr int kPause = 20; // ms
        if (::poll(&wanted, 1, kPause) > 0)
            return;
    }
}

void Daemon::run() {
    const std::string reason = wait_for_end();
    tell_state("STOPPING=1");
    log_line(fmt::format("ending: {}", reason));
    // Who comes from here on finds no server, and waits for the lock.
    server_->refuse_requests();
    remove_socket();
    if (wanted_.signal() != 0)
        finish_requests();
    server_->stop();
    owner_.commit();
    log_line("ended");
}

} // namespace thinsnap::tools
