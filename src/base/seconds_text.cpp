#include "base/seconds_text.hpp"

#include <charconv>
#include <cstdint>
#include <system_error>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

std::chrono::milliseconds parse_seconds(const std::string& text, std::string_view option) {
    constexpr double longest = 1e6;
    double seconds = -1;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, seconds);
    if (parsed.ec != std::errc{} || parsed.ptr != end || !(seconds >= 0 && seconds <= longest))
        throw Error(Errc::invalid_argument,
                    fmt::format("{} '{}' is no number of seconds from 0 to 1000000", option, text));
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

} // namespace thinsnap
