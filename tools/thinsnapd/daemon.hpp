#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/cancellation.hpp"
#include "base/fd.hpp"
#include "rpc/server.hpp"

#include "options.hpp"
#include "service/dispatcher.hpp"
#include "service/pool_owner.hpp"

namespace thinsnap::tools {

/// Somebody else's server came up while this one waited for the pool.
class ServedAlready : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Holds the pool, serves its socket, and ends: when a signal says so, when a client wants the pool
/// for itself, or when nobody has wanted anything for a while; but not while devices are in use.
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
    /// Waits for a wish that it should end, for a moment.
    void look();
    void begin_to_end(const std::string& why);
    /// \return why it ends
    [[nodiscard]] std::string wait_for_end();
    void finish_requests();
    void remove_socket() noexcept;

    Options options_;
    Fd signals_;
    service::PoolOwner owner_;
    bool owns_socket_;
    Cancellation wanted_;       ///< the pool is wanted by somebody else
    std::string wish_;          ///< why it should end; empty: it should not
    bool is_signalled_ = false; ///< by a signal
    std::optional<rpc::Server> server_;
};

} // namespace thinsnap::tools
