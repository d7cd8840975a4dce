#include "service_manager.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <thinsnap/error.hpp>

namespace thinsnap::tools {

std::optional<Fd> take_socket() {
    const int count = ::sd_listen_fds(1);
    if (count <= 0)
        return std::nullopt;
    Fd socket(SD_LISTEN_FDS_START);
    if (count > 1 || ::sd_is_socket(socket.get(), AF_UNIX, SOCK_STREAM, 1) <= 0)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} descriptors are handed over by the service manager; one "
                                "listening unix stream socket is wanted",
                                count));
    return socket;
}

void tell_state(const char* state) {
    [[maybe_unused]] const int status = ::sd_notify(0, state);
}

} // namespace thinsnap::tools
