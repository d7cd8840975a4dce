#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace thinsnap {

/// A moment since 1970, UTC.
struct Timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0; ///< below 1'000'000'000

    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

/// What a clock tells.
[[nodiscard]] Timestamp
timestamp_of(std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds> time);

/// Nine digits behind the seconds.
enum class Fraction { always, unless_zero };

// Both: years 0 to 9999, UTC. \throws Error(invalid_argument)  another year

/// As RFC 3339 says: "2026-11-21T08:10:00.123456789Z".
[[nodiscard]] std::string format_rfc3339(Timestamp time, Fraction fraction);

/// For people: "2026-11-21 08:10:00".
[[nodiscard]] std::string format_time(Timestamp time);

} // namespace thinsnap
