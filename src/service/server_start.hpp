#pragma once

#include <chrono>

#include "service/request.hpp"

namespace thinsnap::service {

/// Starts a server for the pool, in a session of its own, which ends when nobody needs it: what
/// `thinsnapd --background` does. It serves when this returns, or somebody else's does.
/// \param patience  how long it may wait for the pool's lock
/// \throws Error(not_found)  the program is not installed
/// \throws Error, of the kind that the server ended with, and its words
void start_server(const PoolAddress& pool, std::chrono::milliseconds patience);

} // namespace thinsnap::service
