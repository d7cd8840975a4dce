#include "service/remote.hpp"

#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>
#include <thinsnap/version.hpp>

#include "app/interrupt.hpp"
#include "rpc/socket.hpp"

#include "service/fault.hpp"
#include "service/file_identity.hpp"

namespace thinsnap::service {

namespace {

using rpc::Json;

/// Whoever can write the pool's files may serve it: root, the directory's owner, and ourselves.
void require_trusted(const rpc::Peer& peer, const app::PoolPaths& paths) {
    struct stat st {};
    if (::stat(paths.directory.c_str(), &st) != 0)
        throw SystemError(errno, fmt::format("looking at {}", paths.directory.string()));
    if (peer.uid != 0 && peer.uid != ::geteuid() && peer.uid != st.st_uid)
        throw Error(Errc::precondition,
                    fmt::format("{} belongs to user {}, who does not own the pool",
                                paths.socket.string(),
                                peer.uid));
}

/// Tells what comes before the answer to whom it concerns.
void tell(const Request& request, const PoolAddress& pool, const rpc::Notification& notification) {
    const auto to = [](const std::function<void(const Json&)>& whom, const Json& what) {
        if (whom)
            whom(what);
    };
    if (notification.method == "head")
        return to(request.on_head, notification.params);
    if (notification.method == "progress")
        return to(request.on_progress, notification.params);
    if (notification.method == "warning" && pool.on_warning)
        return pool.on_warning(notification.params.value("text", ""));
    if (notification.method != "items" || !notification.params.contains("items"))
        return; // of a kind that came later than we
    for (const Json& item : notification.params["items"])
        to(request.on_item, item);
}

} // namespace

std::optional<Remote> Remote::connect(const app::PoolPaths& paths, bool& is_ending) {
    auto socket = rpc::connect_to(paths.socket.string());
    if (!socket)
        return std::nullopt;
    require_trusted(rpc::peer_of(*socket), paths);
    Remote remote(*std::move(socket));
    try {
        if (remote.greet(paths))
            return remote;
    } catch (const rpc::NotServed&) { // it ended meanwhile
    }
    is_ending = true;
    return std::nullopt;
}

Json Remote::ask(const char* method, const Json& params, const rpc::CallOptions& options) {
    int signal = 0;
    rpc::CallOptions with_wait = options;
    with_wait.wait = [&](int fd) {
        try {
            app::wait_readable(fd);
            return true;
        } catch (const app::Interrupted& interrupted) {
            signal = interrupted.signal();
            return false;
        }
    };
    try {
        return client_.call(method, params, with_wait);
    } catch (const rpc::Fault& fault) {
        throw_fault(fault, signal);
    }
}

/// \return false: it is ending
bool Remote::greet(const app::PoolPaths& paths) {
    const Json hello = ask("server.hello", {{"version", version()}});
    if (const auto pid = hello.find("pid"); pid != hello.end() && pid->is_number_integer())
        pid_ = pid->get<long>();
    if (hello.value("version", "") != version()) {
        replace_other_version(hello);
        return false;
    }
    if (hello.value("lock", Json()) != identity_of(paths.lock.string()))
        throw Error(Errc::precondition,
                    fmt::format("thinsnapd (process {}) listens at {} and holds another pool, {}; "
                                "end it, or remove the socket",
                                pid_,
                                paths.socket.string(),
                                hello.value("pool", "unknown")));
    return true;
}

void Remote::replace_other_version(const Json& hello) {
    try {
        stop();
    } catch (const Error& error) {
        throw Error(Errc::precondition,
                    fmt::format("thinsnapd (process {}) is of version {}, this is {}, and it does "
                                "not end: {}; deactivate its devices and 'kill {}' it, or use its "
                                "version of thinsnap",
                                pid_,
                                hello.value("version", "unknown"),
                                version(),
                                error.what(),
                                pid_));
    }
}

Json Remote::call(const Request& request, const PoolAddress& pool) {
    Json params = request.params;
    params["lock_timeout"] = pool.lock_timeout.count();
    std::vector<int> descriptors;
    if (request.descriptor)
        descriptors.push_back(*request.descriptor);
    return ask(request.method,
               params,
               {.descriptors = descriptors, .on_notification = [&](const auto& notification) {
                    tell(request, pool, notification);
                }});
}

void Remote::stop() {
    static_cast<void>(ask("server.stop", Json::object()));
}

} // namespace thinsnap::service
