#pragma once

#include <memory>

#include "attach/fuse_operations.hpp"

struct fuse_session;

namespace thinsnap::attach {

struct DestroyFuseSession {
    void operator()(fuse_session* session) const noexcept;
};
using FuseSession = std::unique_ptr<fuse_session, DestroyFuseSession>;

/// libfuse's state of a connection that is not there yet.
/// \param server  must outlive the session
[[nodiscard]] FuseSession make_session(FuseServer& server);

} // namespace thinsnap::attach
