#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/fd.hpp"

/// \file
/// Unix stream sockets by path, of any length: the kernel takes 107 bytes, so longer ones are
/// reached through their directory.

namespace thinsnap::rpc {

/// Makes a socket that only its owner may connect to. A socket that is there already is removed:
/// whoever calls this knows that nobody listens on it, because it holds the pool's lock.
/// \throws Error(already_exists)  something else has the name; SystemError
[[nodiscard]] Fd listen_at(const std::string& path);

/// Nothing when nobody listens there: there is no such socket, or its server is gone.
/// \throws SystemError  it cannot be known
[[nodiscard]] std::optional<Fd> connect_to(const std::string& path);

/// The process at the other end.
struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
};
/// \throws SystemError
[[nodiscard]] Peer peer_of(const Fd& socket);

} // namespace thinsnap::rpc
