#include "daemon.hpp"

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

using service::in_use_text;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How often one looks whether somebody is still there.
constexpr milliseconds kLook{500};

/// In the background one is started for a command: any other server will do for that as well.
app::OpenPool how_to_open(const Options& options) {
    app::OpenPool how{.lock_timeout = options.lock_timeout};
    const std::string socket = app::paths_of(options.pool, {}).socket.string();
    if (options.background)
        how.while_waiting = [socket] {
            if (rpc::connect_to(socket).has_value())
                throw ServedAlready(fmt::format("another server listens at {}", socket));
        };
    return how;
}

} // namespace

Daemon::Daemon(const Options& options, Fd signals, std::optional<Fd> handed)
    : options_(options)
    , signals_(std::move(signals))
    , owner_(options.pool, how_to_open(options))
    , owns_socket_(!handed.has_value()) {
    for (const std::string& text : owner_.warnings())
        log_line(text);
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

void Daemon::look() {
    std::array<pollfd, 2> wanted{pollfd{signals_.get(), POLLIN, 0},
                                 // once is enough: it stays readable
                                 pollfd{wish_.empty() ? wanted_.fd() : -1, POLLIN, 0}};
    if (::poll(wanted.data(), wanted.size(), static_cast<int>(kLook.count())) < 0 && errno != EINTR)
        throw SystemError(errno, "waiting for something to happen");
    signalfd_siginfo signal{};
    if ((wanted[0].revents & POLLIN) != 0 &&
        ::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
        is_signalled_ = true;
        begin_to_end(fmt::format("signal {}", signal.ssi_signo));
    } else if (wish_.empty() && wanted_.signal() != 0) {
        begin_to_end("the pool is wanted by somebody else");
    }
}

/// Devices that are in use are not pulled from under their users.
void Daemon::begin_to_end(const std::string& why) {
    wish_ = why;
    if (is_signalled_)
        owner_.activations().release_unused();
    const auto devices = owner_.activations().list();
    if (devices.empty())
        return;
    const std::string text = fmt::format(
        "stays for now ({}): {}; it ends when they are deactivated", why, in_use_text(devices));
    log_line(text);
    tell_state(("STATUS=" + text).c_str());
    try {
        owner_.commit();
    } catch (const Error& error) {
        log_line(error.what());
    }
}

std::string Daemon::wait_for_end() {
    for (;;) {
        look();
        service::Activations& activations = owner_.activations();
        if (is_signalled_)
            activations.release_unused();
        else
            activations.tidy();
        if (!wish_.empty() && activations.try_close())
            return wish_;
        const auto idle = server_->idle_since();
        if (options_.idle_timeout.count() > 0 && idle &&
            Clock::now() - *idle >= options_.idle_timeout && activations.try_close())
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
