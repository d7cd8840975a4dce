#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/cancellation.hpp"
#include "base/fd.hpp"
#include "rpc/server.hpp"

#include "options.hpp"
#include "service/dispatcher.hpp"
#include "service/pool_owner.hpp"

namespace thinsnap::tools {

/// Holds the pool, serves its socket, and ends: when a signal says so, when a client wants the pool
/// for itself, or when nobody has wanted anything for a while.
class Daemon {
public:
    /// \param signals  a signalfd of those that end it
    /// \param handed   a socket that somebody else listens on for us, and goes on to
    /// \throws as service::PoolOwner and rpc::listen_at()
    Daemon(const Options& options, Fd signals, std::optional<Fd> handed);
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    ~Daemon();

    /// Serves until it is to end. What was written is durable when it returns.
    /// \throws Error  the last commit failed
    void run();

private:
    /// \return why it is to end
    [[nodiscard]] std::string wait_for_end();
    void finish_requests();
    void remove_socket() noexcept;

    Options options_;
    Fd signals_;
    service::PoolOwner owner_;
    bool owns_socket_;
    Cancellation wanted_; ///< the pool is wanted by somebody else
    std::optional<rpc::Server> server_;
};

} // namespace thinsnap::tools
