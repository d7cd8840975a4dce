#pragma once

#include <string>
#include <string_view>

namespace thinsnap {

/// Bytes that others chose, for messages: in quotes, with quotes, backslashes and all that a
/// terminal must not get (control characters, what is no UTF-8) as \xNN, cut at 300 bytes.
[[nodiscard]] std::string in_quotes(std::string_view bytes);

} // namespace thinsnap
