#pragma once

#include <optional>

#include "base/fd.hpp"

/// \file
/// What systemd does for us, where it started us.

namespace thinsnap::tools {

/// The socket on which it already listens for us, if it does.
/// \throws Error(invalid_argument)  it hands over something else
[[nodiscard]] std::optional<Fd> take_socket();

/// "READY=1", "STOPPING=1"; nothing happens where nobody listens.
void tell_state(const char* state);

} // namespace thinsnap::tools
