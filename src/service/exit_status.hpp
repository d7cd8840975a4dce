#pragma once

#include <thinsnap/error.hpp>

#include "base/error_kinds.hpp"

/// \file
/// The one place that turns an outcome into a process status. The table stands in EXIT STATUS of
/// every tool's man page; scripts rely on it. A server tells its clients the status as well.

namespace thinsnap::service {

inline constexpr int kExitOk = 0;
inline constexpr int kExitDamage = 1; ///< a check found something
inline constexpr int kExitUsage = 2;
inline constexpr int kExitServed = 12; ///< of thinsnapd only: another server has come up meanwhile
inline constexpr int kExitInternal = 70;
inline constexpr int kExitSignalBase = 128; ///< plus the signal's number: 130 for SIGINT

[[nodiscard]] constexpr int exit_status(Errc kind) noexcept {
    switch (kind) {
    case Errc::invalid_argument:
        return kExitUsage;
    case Errc::not_found:
        return 3;
    case Errc::already_exists:
        return 4;
    case Errc::precondition:
        return 5;
    case Errc::busy:
        return 6;
    case Errc::no_space:
        return 7;
    case Errc::read_only:
        return 8;
    case Errc::corrupt:
        return 9;
    case Errc::io:
        return 10;
    case Errc::unsupported:
        return 11;
    case Errc::internal:
        break;
    }
    return kExitInternal;
}

/// The kind that ends in that status; internal for any other.
[[nodiscard]] constexpr Errc kind_of(int status) noexcept {
    for (const Errc kind : kErrorKinds)
        if (exit_status(kind) == status)
            return kind;
    return Errc::internal;
}

} // namespace thinsnap::service
