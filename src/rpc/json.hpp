#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

/// \file
/// JSON as it goes over the socket: one line of UTF-8 a message.
///
/// Names of files are bytes, which JSON cannot carry. A byte that is no UTF-8 becomes the private
/// character U+10FE00 plus the byte; so do the bytes of such a character itself. What is read back
/// is what was written, byte for byte.

namespace thinsnap::rpc {

using Json = nlohmann::ordered_json;

/// How deep arrays and objects may stand in each other.
inline constexpr int kMaxDepth = 64;
/// How many members an object may have.
inline constexpr std::size_t kMaxKeys = 4096;

/// The value without a line break in it, and without one behind it.
[[nodiscard]] std::string to_line(const Json& value);

/// \throws Error(invalid_argument)  no JSON, deeper than kMaxDepth, more than kMaxKeys
[[nodiscard]] Json from_line(std::string_view line);

} // namespace thinsnap::rpc
