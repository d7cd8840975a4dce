#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string_view>

#include "base/fd.hpp"
#include "rpc/channel.hpp"
#include "rpc/json.hpp"
#include "rpc/message.hpp"

namespace thinsnap::rpc {

/// The server went away, or takes no more requests, before it began this one: it can be made again,
/// there or elsewhere.
class NotServed : public std::exception {};

/// How a client waits for its answer.
struct CallOptions {
    std::span<const int> descriptors{}; ///< handed over; the caller keeps its own
    std::function<void(const Notification&)> on_notification{};
    /// Waits until the socket can be read. \return false: the request is to be given up. Its answer
    /// is waited for nevertheless, without asking again.
    std::function<bool(int fd)> wait{};
};

/// One end of a connection, for requests one after another.
///
/// Threads: one at a time.
class Client {
public:
    explicit Client(Fd socket);

    /// \throws Fault      the server's own words
    /// \throws NotServed  see there
    /// \throws Error(io)  the connection broke before the answer came: whether the request was
    ///                    carried out is not known
    Json call(std::string_view method, const Json& params, const CallOptions& options = {});

private:
    void send(std::string_view line, std::span<const int> descriptors) const;
    [[nodiscard]] Json receive(const Json& id, const CallOptions& options);

    Channel channel_;
    std::int64_t last_id_ = 0;
    bool heard_ = false; ///< something came from the server: it is there and not just its socket
};

} // namespace thinsnap::rpc
