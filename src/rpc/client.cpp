#include "rpc/client.hpp"

#include <utility>

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <thinsnap/error.hpp>

#include "rpc/socket.hpp"

namespace thinsnap::rpc {

namespace {

/// The client takes from its server whatever the largest pool can say.
constexpr Limits kLimits{.line = std::size_t{1} << 30U, .descriptors = 0};

void wait_for(int fd) {
    pollfd wanted{fd, POLLIN, 0};
    while (::poll(&wanted, 1, -1) < 0) {}
}

} // namespace

Client::Client(Fd socket)
    : channel_(std::move(socket), kLimits) {}

void Client::send(std::string_view line, std::span<const int> descriptors) const {
    try {
        channel_.send(line, descriptors);
    } catch (const SystemError&) { // the request is not whole: nobody can have begun it
        throw NotServed();
    }
}

Json Client::call(std::string_view method, const Json& params, const CallOptions& options) {
    const Json id = ++last_id_;
    send(request_line(id, method, params), options.descriptors);
    try {
        return receive(id, options);
    } catch (const Fault& fault) {
        if (fault.code() == FaultCode::ending)
            throw NotServed();
        throw;
    }
}

Json Client::receive(const Json& id, const CallOptions& options) {
    bool given_up = false;
    const auto wait = [&](int fd) {
        if (given_up || !options.wait) {
            wait_for(fd);
        } else if (!options.wait(fd)) {
            given_up = true;
            ::shutdown(fd, SHUT_WR);
            wait_for(fd);
        }
    };
    while (const auto message = channel_.receive(wait)) {
        heard_ = true;
        Answer answer = parse_answer(message->line);
        if (auto* notification = std::get_if<Notification>(&answer)) {
            if (options.on_notification)
                options.on_notification(*notification);
        } else if (auto* failure = std::get_if<Failure>(&answer)) {
            throw failure->fault;
        } else if (auto& result = std::get<Result>(answer); result.id == id) {
            return std::move(result.value);
        }
    }
    if (!heard_)
        throw NotServed(); // it never took the connection
    throw Error(Errc::io,
                "thinsnapd went away before it answered; whether the request was carried out is "
                "not known: look before you repeat it");
}

} // namespace thinsnap::rpc
