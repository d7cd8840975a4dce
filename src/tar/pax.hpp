#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/timestamp.hpp"

/// \file
/// Records of PAX extended headers: "<length> <key>=<value>\n", one behind the other. A value is
/// bytes: neither the locale nor a hdrcharset record changes any.

namespace thinsnap::tar {

/// Visits the records of an extended header's body, in order.
/// \throws Error(corrupt)  it is not made of whole records, or a key is empty
void for_each_pax_record(std::string_view body,
                         const std::function<void(std::string_view key, std::string_view)>& visit);

/// Appends a record. The key has no '=' and the rest can be anything.
void append_pax_record(std::string& body, std::string_view key, std::string_view value);

/// A decimal number without a sign. \throws Error(corrupt) naming `key`
[[nodiscard]] std::uint64_t pax_number(std::string_view key, std::string_view value);

/// Seconds with a sign and a fraction, of which nanoseconds are kept: "-1.5" is 1.5 s before 1970.
/// \throws Error(corrupt) naming `key`
[[nodiscard]] Timestamp pax_time(std::string_view key, std::string_view value);
/// The shortest text that pax_time() takes for `time`.
[[nodiscard]] std::string format_pax_time(Timestamp time);

} // namespace thinsnap::tar
