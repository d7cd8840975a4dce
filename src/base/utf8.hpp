#pragma once

#include <cstddef>
#include <string_view>

namespace thinsnap {

/// Bytes of the character at the front of `text`; 0 when none stands there. Source: RFC 3629, 4
/// \param text  not empty
[[nodiscard]] std::size_t utf8_length(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

/// The same for a character that a terminal shows as such; 0 for its control characters, too, those
/// of two bytes (U+0080 to U+009F) among them. \param text  not empty
[[nodiscard]] std::size_t printable_utf8_length(std::string_view text);

} // namespace thinsnap
