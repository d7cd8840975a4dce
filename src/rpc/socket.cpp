#include "rpc/socket.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap::rpc {

namespace {

constexpr int kBacklog = 1024;
constexpr mode_t kOwnerOnly = 0600;

/// A path as the kernel takes it; for a long one the directory is held open.
class Address {
public:
    explicit Address(const std::string& path) {
        address_.sun_family = AF_UNIX;
        std::string name = path;
        if (name.size() >= sizeof address_.sun_path) {
            const auto slash = path.rfind('/');
            const std::string directory =
                slash == std::string::npos ? "." : path.substr(0, slash + 1);
            directory_ = open_file(directory, O_PATH | O_DIRECTORY);
            name = fmt::format("/proc/self/fd/{}/{}", directory_.get(), path.substr(slash + 1));
        }
        if (name.size() >= sizeof address_.sun_path)
            throw Error(Errc::invalid_argument, fmt::format("the name of {} is too long", path));
        std::memcpy(address_.sun_path, name.data(), name.size());
    }

    [[nodiscard]] const sockaddr* get() const {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) as the socket calls want it
        return reinterpret_cast<const sockaddr*>(&address_);
    }
    [[nodiscard]] static socklen_t size() { return sizeof(sockaddr_un); }

private:
    sockaddr_un address_{};
    Fd directory_;
};

Fd make_socket() {
    Fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!made.is_open())
        throw SystemError(errno, "making a socket");
    return made;
}

void remove_stale(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0)
        return;
    if (!S_ISSOCK(st.st_mode))
        throw Error(Errc::already_exists, fmt::format("{} is there and is no socket", path));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        throw SystemError(errno, fmt::format("removing {}", path));
}

} // namespace

Fd listen_at(const std::string& path) {
    remove_stale(path);
    const Address address(path);
    Fd listener = make_socket();
    // Before bind(), which gives the file this mode: it is never open to others, not for a moment.
    if (::fchmod(listener.get(), kOwnerOnly) != 0 ||
        ::bind(listener.get(), address.get(), Address::size()) != 0 ||
        ::listen(listener.get(), kBacklog) != 0)
        throw SystemError(errno, fmt::format("listening at {}", path));
    return listener;
}

std::optional<Fd> connect_to(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return std::nullopt;
    const Address address(path);
    Fd socket = make_socket();
    int status = 0;
    do {
        status = ::connect(socket.get(), address.get(), Address::size());
    } while (status != 0 && errno == EINTR);
    if (status == 0)
        return socket;
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTSOCK)
        return std::nullopt;
    throw SystemError(errno, fmt::format("connecting to {}", path));
}

Peer peer_of(const Fd& socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        throw SystemError(errno, "asking who is at the other end of a socket");
    return {.pid = credentials.pid, .uid = credentials.uid};
}

} // namespace thinsnap::rpc
