#pragma once

#include <chrono>
#include <optional>

#include "app/pool_paths.hpp"
#include "rpc/client.hpp"

#include "service/request.hpp"

namespace thinsnap::service {

/// A server that holds a pool, from its client's side.
///
/// Threads: one at a time.
class Remote {
public:
    /// Nothing when no server listens on the pool's socket, or one that is just ending. A server of
    /// another version is asked to end.
    /// \param is_ending  set when there is one that ends
    /// \throws Error(precondition)  it does not, or it serves another pool
    /// \throws SystemError, app::Interrupted
    [[nodiscard]] static std::optional<Remote> connect(const app::PoolPaths& paths,
                                                       bool& is_ending);

    /// \param pool  whose lock_timeout says how long the request may wait for others
    /// \throws what the method throws; rpc::NotServed
    [[nodiscard]] rpc::Json call(const Request& request, const PoolAddress& pool);

    /// Asks the server to give the pool up as soon as nothing is running.
    /// \throws Error(busy)  it has to stay; rpc::NotServed
    void stop();

    /// As it said itself.
    [[nodiscard]] long pid() const noexcept { return pid_; }

private:
    explicit Remote(Fd socket)
        : client_(std::move(socket)) {}
    [[nodiscard]] rpc::Json
    ask(const char* method, const rpc::Json& params, const rpc::CallOptions& options = {});
    [[nodiscard]] bool greet(const app::PoolPaths& paths);
    void replace_other_version(const rpc::Json& hello);

    rpc::Client client_;
    long pid_ = 0;
};

} // namespace thinsnap::service
