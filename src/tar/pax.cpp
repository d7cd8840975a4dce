#include "tar/pax.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"

namespace thinsnap::tar {

namespace {

[[noreturn]] void refuse_value(std::string_view key, std::string_view value) {
    throw Error(Errc::corrupt,
                fmt::format("PAX record {} has the value {}", key, in_quotes(value)));
}

[[noreturn]] void refuse_records() {
    throw Error(Errc::corrupt, "a PAX header that is not made of whole records");
}

template <class T>
std::optional<T> decimal(std::string_view digits) {
    T value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (digits.empty() || digits[0] == '-' || stop != end || error != std::errc())
        return std::nullopt;
    return value;
}

/// Takes the first record off `body`.
std::string_view take_record(std::string_view& body) {
    const std::size_t space = body.find(' ');
    const auto length = decimal<std::size_t>(body.substr(0, space));
    if (space == std::string_view::npos || !length || *length > body.size() ||
        *length < space + 2 || body[*length - 1] != '\n')
        refuse_records();
    const std::string_view record = body.substr(space + 1, *length - space - 2);
    body.remove_prefix(*length);
    return record;
}

/// The first nine digits behind the point.
std::uint32_t nanoseconds(std::string_view key, std::string_view value, std::string_view digits) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < std::max<std::size_t>(9, digits.size()); ++i) {
        const char digit = i < digits.size() ? digits[i] : '0';
        if (digit < '0' || digit > '9')
            refuse_value(key, value);
        if (i < 9)
            sum = sum * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    return sum;
}

} // namespace

void for_each_pax_record(std::string_view body,
                         const std::function<void(std::string_view key, std::string_view)>& visit) {
    while (!body.empty()) {
        const std::string_view record = take_record(body);
        const std::size_t equals = record.find('=');
        if (equals == std::string_view::npos || equals == 0)
            refuse_records();
        const std::string_view key = record.substr(0, equals);
        if (key.find('\0') != std::string_view::npos)
            refuse_records();
        visit(key, record.substr(equals + 1));
    }
}

void append_pax_record(std::string& body, std::string_view key, std::string_view value) {
    const std::size_t rest = key.size() + value.size() + 3; // " ", "=", "\n"
    std::size_t length = rest + 1;
    while (length != rest + fmt::formatted_size("{}", length))
        length = rest + fmt::formatted_size("{}", length);
    body += fmt::format("{} {}=", length, key);
    body += value;
    body += '\n';
}

std::uint64_t pax_number(std::string_view key, std::string_view value) {
    const auto number = decimal<std::uint64_t>(value);
    if (!number)
        refuse_value(key, value);
    return *number;
}

Timestamp pax_time(std::string_view key, std::string_view value) {
    const bool negative = !value.empty() && value[0] == '-';
    const std::string_view number = value.substr(negative ? 1 : 0);
    const std::size_t point = number.find('.');
    const auto whole = decimal<std::int64_t>(number.substr(0, point));
    if (!whole)
        refuse_value(key, value);
    Timestamp time{*whole, 0};
    if (point != std::string_view::npos)
        time.nanoseconds = nanoseconds(key, value, number.substr(point + 1));
    if (negative) {
        time.seconds = -time.seconds;
        if (time.nanoseconds != 0) {
            --time.seconds;
            time.nanoseconds = 1'000'000'000 - time.nanoseconds;
        }
    }
    return time;
}

std::string format_pax_time(Timestamp time) {
    if (time.nanoseconds == 0)
        return fmt::format("{}", time.seconds);
    const bool negative = time.seconds < 0;
    const std::int64_t whole = negative ? -(time.seconds + 1) : time.seconds;
    const std::uint32_t fraction = negative ? 1'000'000'000 - time.nanoseconds : time.nanoseconds;
    std::string text = fmt::format("{}{}.{:09}", negative ? "-" : "", whole, fraction);
    return text.substr(0, text.find_last_not_of('0') + 1);
}

} // namespace thinsnap::tar
