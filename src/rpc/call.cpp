#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "rpc/server.hpp"

namespace thinsnap::rpc {

Call::Call(const Channel& channel,
           const Peer& peer,
           const Cancellation& cancellation,
           Request request,
           std::vector<Fd> descriptors)
    : channel_(channel)
    , peer_(peer)
    , cancellation_(cancellation)
    , request_(std::move(request))
    , descriptors_(std::move(descriptors)) {}

int Call::descriptor(std::size_t index) const {
    if (index >= descriptors_.size())
        throw Fault(FaultCode::invalid_params,
                    fmt::format("{} needs {} descriptors, {} came with the request",
                                request_.method,
                                index + 1,
                                descriptors_.size()));
    return descriptors_[index].get();
}

void Call::notify(std::string_view method, const Json& params) {
    try {
        channel_.send(notification_line(method, params));
    } catch (const SystemError&) { // NOLINT(bugprone-empty-catch) cancellation() says the same
    }
}

} // namespace thinsnap::rpc
