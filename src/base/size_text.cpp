#include "base/size_text.hpp"

#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

namespace {

constexpr std::string_view kSuffixes = "KMGTP";

[[noreturn]] void reject(std::string_view text, std::string_view what) {
    throw Error(Errc::invalid_argument,
                fmt::format("{} '{}' is not a size: give bytes, or a number with K, M, G, T or P "
                            "(powers of 1024), below 8E",
                            what,
                            text));
}

/// The factor that a suffix such as "", "B", "k", "KB" or "KiB" stands for; 0 when it is none.
double factor_of(std::string_view suffix) {
    if (suffix.empty() || suffix == "B" || suffix == "b")
        return 1;
    const auto letter = static_cast<char>(std::toupper(static_cast<unsigned char>(suffix[0])));
    const auto power = kSuffixes.find(letter);
    const std::string_view rest = suffix.substr(1);
    const bool known = rest.empty() || rest == "B" || rest == "b" || rest == "iB" || rest == "ib";
    if (power == std::string_view::npos || !known)
        return 0;
    return std::ldexp(1.0, 10 * static_cast<int>(power + 1));
}

} // namespace

std::uint64_t parse_size(std::string_view text, std::string_view what) {
    const auto digits = text.find_first_not_of("0123456789.");
    const std::string_view number = text.substr(0, digits);
    const double factor =
        factor_of(digits == std::string_view::npos ? std::string_view{} : text.substr(digits));
    if (factor == 0 || number.empty())
        reject(text, what);

    std::uint64_t whole = 0;
    const char* end = number.data() + number.size();
    const auto parsed = std::from_chars(number.data(), end, whole);
    if (parsed.ec == std::errc{} && parsed.ptr == end) {
        const auto times = static_cast<std::uint64_t>(factor);
        if (whole >= (std::uint64_t{1} << 63U) / times)
            reject(text, what);
        return whole * times;
    }

    double value = 0;
    const auto real = std::from_chars(number.data(), end, value);
    const double bytes = value * factor;
    if (real.ec != std::errc{} || real.ptr != end || bytes >= std::ldexp(1.0, 63) ||
        bytes != std::floor(bytes))
        reject(text, what);
    return static_cast<std::uint64_t>(bytes);
}

std::string format_size(std::uint64_t bytes) {
    if (bytes < 1024)
        return fmt::format("{} B", bytes);
    auto value = static_cast<double>(bytes) / 1024;
    std::size_t suffix = 0;
    while (value >= 1024 && suffix + 1 < kSuffixes.size()) {
        value /= 1024;
        ++suffix;
    }
    return fmt::format("{:.1f} {}iB", value, kSuffixes[suffix]);
}

} // namespace thinsnap
