#include "base/timestamp.hpp"

#include <ctime>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

namespace {

std::string date_and_time(std::int64_t seconds, char separator) {
    const std::time_t time = seconds;
    std::tm parts{};
    if (::gmtime_r(&time, &parts) == nullptr || parts.tm_year < -1900 || parts.tm_year > 8099)
        throw Error(Errc::invalid_argument, fmt::format("time {} has no text", seconds));
    return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}",
                       parts.tm_year + 1900,
                       parts.tm_mon + 1,
                       parts.tm_mday,
                       separator,
                       parts.tm_hour,
                       parts.tm_min,
                       parts.tm_sec);
}

} // namespace

Timestamp
timestamp_of(std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds> time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return {seconds.time_since_epoch().count(),
            static_cast<std::uint32_t>((time - seconds).count())};
}

std::string format_rfc3339(Timestamp time, Fraction fraction) {
    std::string text = date_and_time(time.seconds, 'T');
    if (fraction == Fraction::always || time.nanoseconds != 0)
        text += fmt::format(".{:09}", time.nanoseconds);
    return text + 'Z';
}

std::string format_time(Timestamp time) {
    return date_and_time(time.seconds, ' ');
}

} // namespace thinsnap
