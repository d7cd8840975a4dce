#pragma once

#include <functional>

#include "rpc/server.hpp"

#include "service/pool_owner.hpp"

namespace thinsnap::service {

/// The protocol's number: it changes when an older client cannot be served any more.
inline constexpr int kProtocol = 1;

/// The server's side of the protocol: carries out requests on a pool that it holds. Beside the
/// methods of method.hpp it knows server.hello and server.stop.
///
/// Threads: the call operator from any.
class Dispatcher {
public:
    /// \param owner    must outlive this
    /// \param on_stop  called when the pool is to be given up: a client wants it for itself, or it
    ///                 has to be opened anew; in any thread
    Dispatcher(PoolOwner& owner, std::function<void()> on_stop);

    /// \throws rpc::Fault  always, when it throws
    [[nodiscard]] rpc::Json operator()(rpc::Call& call) const;

private:
    [[nodiscard]] rpc::Json carry_out(rpc::Call& call) const;
    [[nodiscard]] rpc::Json hello() const;
    [[nodiscard]] rpc::Json stop() const;

    PoolOwner& owner_;
    std::function<void()> on_stop_;
};

} // namespace thinsnap::service
