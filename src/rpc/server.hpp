#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/cancellation.hpp"
#include "base/fd.hpp"
#include "base/mutex.hpp"
#include "rpc/channel.hpp"
#include "rpc/json.hpp"
#include "rpc/message.hpp"
#include "rpc/socket.hpp"

namespace thinsnap::rpc {

/// A request that is being answered.
///
/// Threads: notify() from any, one at a time; the rest is constant.
class Call {
public:
    Call(const Channel& channel,
         const Peer& peer,
         const Cancellation& cancellation,
         Request request,
         std::vector<Fd> descriptors);

    [[nodiscard]] const std::string& method() const noexcept { return request_.method; }
    [[nodiscard]] const Json& params() const noexcept { return request_.params; }
    [[nodiscard]] const Peer& peer() const noexcept { return peer_; }
    /// Says so when the client has gone away, or the server has to end.
    [[nodiscard]] const Cancellation& cancellation() const noexcept { return cancellation_; }

    /// One of those that came with the request; it is closed with the call.
    /// \throws Fault(invalid_params)  there are fewer
    [[nodiscard]] int descriptor(std::size_t index) const;

    /// Tells the client something before the answer. One that has gone away is no error.
    void notify(std::string_view method, const Json& params);

private:
    const Channel& channel_;
    Peer peer_;
    const Cancellation& cancellation_;
    Request request_;
    std::vector<Fd> descriptors_;
};

/// Gives the result. An Error becomes a failed answer of its kind, any other exception but a Fault
/// an internal error. Called in many threads at the same time.
using Handler = std::function<Json(Call& call)>;

struct ServerOptions {
    std::size_t max_connections = 128; ///< more wait until one ends
    Limits limits{};
    std::function<void(const std::string&)> log{}; ///< one line; called in any thread
};

/// Answers requests on a listening socket, a thread for each connection, one request at a time on
/// each. Only root and the server's own user are served.
///
/// A client that closes its connection, or its half of it, before it has its answer, gives that
/// request up: its Cancellation says so (SIGHUP), and nobody else's.
/// Threads: all calls from any thread.
class Server {
public:
    /// \param listener  listening; \throws SystemError
    Server(Fd listener, Handler handler, ServerOptions options = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server(); ///< stop()

    /// No request is begun any more: those that come are answered with Fault(ending).
    void refuse_requests();

    /// refuse_requests(), gives up what is running (SIGTERM), and waits for its end.
    void stop();

    /// Requests that are being answered.
    [[nodiscard]] std::size_t running() const;

    /// When the last connection ended, or the server began; nothing while there is one.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> idle_since() const;

private:
    struct Connection;

    void watch();
    /// Waits for something to happen. \return whether somebody wants to connect
    [[nodiscard]] bool wait_for_events();
    void accept_one();
    void reap() TS_REQUIRES(mutex_);
    void serve(Connection& connection);
    /// \return false when the connection is of no use any more
    [[nodiscard]] bool answer(Connection& connection, Message message);
    [[nodiscard]] std::string
    answer_to(Connection& connection, Request request, std::vector<Fd> descriptors);
    [[nodiscard]] bool begin(Connection& connection, Cancellation& cancellation);
    void end(Connection& connection);
    void wake() const;
    void log(const std::string& line) const;

    Fd listener_;
    Handler handler_;
    ServerOptions options_;
    Fd wake_;
    mutable Mutex mutex_;
    Condition changed_;
    std::list<Connection> connections_ TS_GUARDED_BY(mutex_);
    std::size_t running_ TS_GUARDED_BY(mutex_) = 0;
    bool refuses_ TS_GUARDED_BY(mutex_) = false;
    bool stops_ TS_GUARDED_BY(mutex_) = false;
    std::chrono::steady_clock::time_point last_end_ TS_GUARDED_BY(mutex_);
    std::thread watcher_;
};

} // namespace thinsnap::rpc
