#pragma once

#include <exception>

#include "rpc/fault.hpp"

/// \file
/// How a method's exceptions cross the socket, so that the command that asked ends as it would have
/// ended on its own.

namespace thinsnap::service {

/// What the server tells of an exception. The data has `kind` and `exit_status`.
[[nodiscard]] rpc::Fault fault_of(const std::exception_ptr& error);

/// What the client makes of it.
/// \param signal  that the client gave its request up for; 0: it did not
/// \throws Error, app::Interrupted, app::BrokenPipe: always
[[noreturn]] void throw_fault(const rpc::Fault& fault, int signal);

} // namespace thinsnap::service
