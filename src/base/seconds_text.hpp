#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace thinsnap {

/// A number of seconds from 0 to a million, fractions allowed.
/// \param option  for the message
/// \throws Error(invalid_argument)
[[nodiscard]] std::chrono::milliseconds parse_seconds(const std::string& text,
                                                      std::string_view option);

} // namespace thinsnap
