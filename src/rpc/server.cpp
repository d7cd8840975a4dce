#include "rpc/server.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "rpc/error_fault.hpp"

namespace thinsnap::rpc {

namespace {

using Clock = std::chrono::steady_clock;

/// For answers that nobody takes, when the server is to end.
constexpr std::chrono::seconds kPatience{5};

} // namespace

struct Server::Connection {
    Connection(Fd socket, const Limits& limits, const Peer& who)
        : channel(std::move(socket), limits)
        , peer(who) {}

    Channel channel;
    Peer peer;
    Cancellation* current = nullptr; ///< of the request that is running; guarded by mutex_
    bool gone = false;               ///< the client has closed its half; guarded by mutex_
    bool ended = false;              ///< the thread is done; guarded by mutex_
    std::thread thread;
};

Server::Server(Fd listener, Handler handler, ServerOptions options)
    : listener_(std::move(listener))
    , handler_(std::move(handler))
    , options_(std::move(options))
    , wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
    , last_end_(Clock::now()) {
    if (!wake_.is_open())
        throw SystemError(errno, "making an event descriptor");
    watcher_ = std::thread([this] { watch(); });
}

Server::~Server() {
    stop();
}

void Server::refuse_requests() {
    const MutexLock lock(mutex_);
    refuses_ = true;
}

void Server::stop() {
    if (!watcher_.joinable())
        return;
    {
        const MutexLock lock(mutex_);
        refuses_ = stops_ = true;
        for (Connection& connection : connections_) {
            if (connection.current != nullptr)
                connection.current->cancel(SIGTERM);
            ::shutdown(connection.channel.socket().get(), SHUT_RD);
        }
    }
    wake();
    watcher_.join();
    const MutexLock lock(mutex_);
    auto deadline = Clock::now() + kPatience;
    for (reap(); !connections_.empty(); reap()) {
        if (changed_.wait_until(mutex_, deadline) != std::cv_status::timeout)
            continue;
        for (Connection& connection : connections_)
            ::shutdown(connection.channel.socket().get(), SHUT_RDWR);
        deadline += kPatience;
    }
}

std::size_t Server::running() const {
    const MutexLock lock(mutex_);
    return running_;
}

std::optional<Clock::time_point> Server::idle_since() const {
    const MutexLock lock(mutex_);
    if (!connections_.empty())
        return std::nullopt;
    return last_end_;
}

void Server::wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

void Server::log(const std::string& line) const {
    if (options_.log)
        options_.log(line);
}

// --- the watcher: accepts, and sees who goes away ---------------------------------------------

void Server::watch() {
    for (;;) {
        const bool wants_in = wait_for_events();
        {
            const MutexLock lock(mutex_);
            reap();
            if (stops_)
                return;
        }
        try {
            if (wants_in)
                accept_one();
        } catch (const std::exception& error) { // the connection is closed; others may go better
            log(fmt::format("a connection was refused: {}", error.what()));
        }
    }
}

bool Server::wait_for_events() {
    std::vector<pollfd> wanted{{wake_.get(), POLLIN, 0}};
    {
        const MutexLock lock(mutex_);
        const bool has_room = connections_.size() < options_.max_connections;
        wanted.push_back({has_room ? listener_.get() : -1, POLLIN, 0});
        for (const Connection& connection : connections_)
            if (!connection.gone)
                wanted.push_back({connection.channel.socket().get(), POLLRDHUP, 0});
    }
    if (::poll(wanted.data(), wanted.size(), -1) < 0)
        return false;
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
    const MutexLock lock(mutex_);
    for (Connection& connection : connections_)
        for (const pollfd& seen : std::span(wanted).subspan(2))
            if (seen.fd == connection.channel.socket().get() && seen.revents != 0) {
                connection.gone = true;
                if (connection.current != nullptr)
                    connection.current->cancel(SIGHUP);
            }
    return (wanted[1].revents & POLLIN) != 0;
}

void Server::accept_one() {
    Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.is_open()) {
        if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
            log(fmt::format("accepting a connection: {}", SystemError(errno, "accept").what()));
            std::this_thread::sleep_for(std::chrono::milliseconds(100)); // no descriptors, likely
        }
        return;
    }
    const Peer peer = peer_of(socket);
    if (peer.uid != 0 && peer.uid != ::geteuid()) {
        log(fmt::format("process {} of user {} is not served", peer.pid, peer.uid));
        return;
    }
    const MutexLock lock(mutex_);
    Connection& connection = connections_.emplace_back(std::move(socket), options_.limits, peer);
    try {
        connection.thread = std::thread([this, &connection] { serve(connection); });
    } catch (...) { // thrown on: there can be no thread
        connections_.pop_back();
        throw;
    }
}

void Server::reap() {
    for (auto at = connections_.begin(); at != connections_.end();) {
        if (!at->ended) {
            ++at;
            continue;
        }
        at->thread.join(); // it does nothing any more that needs the lock
        at = connections_.erase(at);
        last_end_ = Clock::now();
    }
}

// --- a connection's thread --------------------------------------------------------------------

void Server::serve(Connection& connection) {
    try {
        while (auto message = connection.channel.receive())
            if (!answer(connection, std::move(*message)))
                break;
    } catch (const Error& error) {
        log(fmt::format("process {}: {}", connection.peer.pid, error.what()));
        try {
            connection.channel.send(
                fault_line(nullptr, Fault(FaultCode::invalid_request, error.what())));
        } catch (const Error&) { // NOLINT(bugprone-empty-catch) it has gone away
        }
    } catch (const std::exception& error) {
        log(fmt::format("process {}: {}", connection.peer.pid, error.what()));
    }
    ::shutdown(connection.channel.socket().get(), SHUT_RDWR); // the other end need not wait
    const MutexLock lock(mutex_);
    connection.ended = true;
    changed_.notify_all();
    wake();
}

bool Server::answer(Connection& connection, Message message) {
    std::string line;
    try {
        Request request = parse_request(message.line);
        if (request.is_notification)
            return true; // there are none that a client could send
        line = answer_to(connection, std::move(request), std::move(message.descriptors));
    } catch (const Fault& fault) {
        line = fault_line(nullptr, fault);
    }
    try {
        connection.channel.send(line);
        return true;
    } catch (const Error&) { // the client has gone away
        return false;
    }
}

std::string
Server::answer_to(Connection& connection, Request request, std::vector<Fd> descriptors) {
    const Json id = request.id;
    Cancellation cancellation;
    if (!begin(connection, cancellation))
        return fault_line(id, Fault(FaultCode::ending, "the server is ending"));
    std::string line;
    try {
        Call call(connection.channel,
                  connection.peer,
                  cancellation,
                  std::move(request),
                  std::move(descriptors));
        line = result_line(id, handler_(call));
    } catch (...) { // told to the client
        line = fault_line(id, fault_of(std::current_exception()));
    }
    end(connection);
    return line;
}

/// \return false: no request is begun any more
bool Server::begin(Connection& connection, Cancellation& cancellation) {
    const MutexLock lock(mutex_);
    if (refuses_)
        return false;
    connection.current = &cancellation;
    if (connection.gone)
        cancellation.cancel(SIGHUP);
    ++running_;
    return true;
}

void Server::end(Connection& connection) {
    const MutexLock lock(mutex_);
    connection.current = nullptr;
    --running_;
    changed_.notify_all();
}

} // namespace thinsnap::rpc
