#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "rpc/json.hpp"

namespace thinsnap::service {

/// Something that this process wants done with a pool, see Method.
struct Request {
    const char* method;
    rpc::Json params = rpc::Json::object();
    bool needs_server = false; ///< one is started if there is none
    /// The method's input or output, whichever it has.
    std::optional<int> descriptor{};
    /// See Streams. Those that are empty are not called.
    std::function<void(const rpc::Json&)> on_head{};
    std::function<void(const rpc::Json&)> on_item{};
    std::function<void(const rpc::Json&)> on_progress{};
};

/// Which pool, and how long to wait for it.
struct PoolAddress {
    std::filesystem::path directory;
    std::chrono::milliseconds lock_timeout{};
    std::function<void(const std::string&)> on_warning{}; ///< one line; not set: not told
};

/// Carries the request out: in the server that holds the pool, or, when there is none, in this
/// process, which takes the pool's lock for it. Whether there is a server, one looks again while
/// one waits for the lock.
/// \throws what the method throws, the same either way
/// \throws Error(precondition)  a server of another version has active devices
/// \throws Error(io)            the server went away before it answered
[[nodiscard]] rpc::Json carry_out(const PoolAddress& pool, const Request& request);

/// For who needs the pool for himself: a server that holds it is asked to end. It may take until
/// what it is doing is done; the lock tells.
/// \throws Error(busy)  it has to stay
void release_pool(const PoolAddress& pool);

} // namespace thinsnap::service
