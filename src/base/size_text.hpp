#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thinsnap {

/// Bytes from "4096", "64K", "100G", "1.5T": powers of 1024, suffix K M G T P with an optional "iB"
/// or "B", either case. A fraction must come out as whole bytes. \param what  names the value in
/// the error, for example "--size" \throws Error(invalid_argument)  not such a text, or 2^63 bytes
/// and over
[[nodiscard]] std::uint64_t parse_size(std::string_view text, std::string_view what);

/// "0 B", "512 B", "64.0 KiB", "1.5 GiB": for people; programs get plain bytes.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

} // namespace thinsnap
