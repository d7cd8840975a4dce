#pragma once

#include <array>
#include <cstddef>

#include <thinsnap/error.hpp>

namespace thinsnap {

/// Every Errc, in their order: for who turns a word or a number back into a kind.
inline constexpr std::array kErrorKinds{Errc::invalid_argument,
                                        Errc::not_found,
                                        Errc::already_exists,
                                        Errc::precondition,
                                        Errc::busy,
                                        Errc::no_space,
                                        Errc::read_only,
                                        Errc::corrupt,
                                        Errc::io,
                                        Errc::unsupported,
                                        Errc::internal};
static_assert(kErrorKinds.size() == static_cast<std::size_t>(Errc::internal) + 1);

} // namespace thinsnap
