#define FUSE_USE_VERSION 314
#include "attach/fuse_session.hpp"

#include <array>
#include <string>

#include <fmt/core.h>
#include <fuse3/fuse_lowlevel.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

void DestroyFuseSession::operator()(fuse_session* session) const noexcept {
    fuse_session_destroy(session);
}

FuseSession make_session(FuseServer& server) {
    std::string name = "thinsnap";
    std::string max_read = fmt::format("-omax_read={}", kMaxPayload);
    std::array<char*, 2> arguments{name.data(), max_read.data()};
    fuse_args args{static_cast<int>(arguments.size()), arguments.data(), 0};
    FuseSession session(
        fuse_session_new(&args, &fuse_operations(), sizeof(fuse_lowlevel_ops), &server));
    fuse_opt_free_args(&args); // libfuse has put its own copy there
    if (!session)
        throw Error(Errc::internal, "libfuse refuses to make a session");
    return session;
}

} // namespace thinsnap::attach
