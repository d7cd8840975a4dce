#pragma once

#include <exception>

#include <thinsnap/error.hpp>

#include "rpc/fault.hpp"

namespace thinsnap::rpc {

/// What is told of an exception: a Fault as it is, an Error with its kind, anything else as a bug.
[[nodiscard]] Fault fault_of(const std::exception_ptr& error);

/// The Error that a server told. A code or a kind that is not known becomes Errc::internal.
[[nodiscard]] Error error_of(const Fault& fault);

} // namespace thinsnap::rpc
