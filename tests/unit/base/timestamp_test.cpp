#include "base/timestamp.hpp"

#include <doctest/doctest.h>

#include "support/content.hpp"

namespace thinsnap::test {

TEST_SUITE("base.timestamp") {
    TEST_CASE("times are written as RFC 3339 says") {
        CHECK(format_rfc3339({0, 0}, Fraction::unless_zero) == "1970-01-01T00:00:00Z");
        CHECK(format_rfc3339({0, 0}, Fraction::always) == "1970-01-01T00:00:00.000000000Z");
        CHECK(format_rfc3339({1'700'000'000, 5}, Fraction::unless_zero) ==
              "2023-11-14T22:13:20.000000005Z");
        CHECK(format_rfc3339({-1, 0}, Fraction::unless_zero) == "1969-12-31T23:59:59Z");
        CHECK(format_time({1'700'000'000, 999'999'999}) == "2023-11-14 22:13:20");
    }

    TEST_CASE("what no four digits can say of a year has no text") {
        CHECK(format_time({-62'167'219'200, 0}) == "0000-01-01 00:00:00");
        CHECK(format_time({253'402'300'799, 0}) == "9999-12-31 23:59:59");
        for (const std::int64_t seconds : {-62'167'219'201, 253'402'300'800, INT64_MAX, INT64_MIN})
            CHECK(failure_of([&] {
                      static_cast<void>(format_time({seconds, 0}));
                  }) == Errc::invalid_argument);
    }

    TEST_CASE("a clock's time before 1970 has its nanoseconds counted forward") {
        using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
        CHECK(timestamp_of(Time(std::chrono::nanoseconds(-1))) == Timestamp{-1, 999'999'999});
        CHECK(timestamp_of(Time(std::chrono::nanoseconds(1'500'000'000))) ==
              Timestamp{1, 500'000'000});
    }
}

} // namespace thinsnap::test
