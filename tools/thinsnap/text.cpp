#include "text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <fmt/chrono.h>
#include <fmt/core.h>

namespace thinsnap::tools {

namespace {

constexpr std::size_t kShortDigits = 12;
constexpr std::string_view kGap = "  ";

/// Length of the UTF-8 sequence at the front of `text`; 0: it is none, or a control character.
std::size_t printable_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80)
        return first >= ' ' && first != 0x7F && first != '\\' ? 1 : 0;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length)
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0U) != 0x80)
            return 0;
    const unsigned second = byte(1);
    const bool is_control = first == 0xC2 && second < 0xA0;
    const bool is_overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool is_out_of_range =
        (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
    return is_control || is_overlong || is_out_of_range ? 0 : length;
}

std::string escaped(char c) {
    switch (c) {
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    case '\\':
        return "\\\\";
    default:
        return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
}

/// Columns that a terminal needs: one a character of UTF-8.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::pair<std::time_t, std::uint32_t> split(journal::Time time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return {seconds.time_since_epoch().count(),
            static_cast<std::uint32_t>((time - seconds).count())};
}

} // namespace

std::string printable(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t length = printable_length(bytes);
        text += length == 0 ? escaped(bytes.front()) : std::string(bytes.substr(0, length));
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

std::string format_time(journal::Time time) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(split(time).first));
}

std::string format_time_exactly(journal::Time time) {
    const auto [seconds, nanoseconds] = split(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds), nanoseconds);
}

std::string short_digest(const Digest& digest) {
    return digest.hex().substr(0, kShortDigits);
}

std::string columns(const std::vector<std::vector<std::string>>& rows) {
    if (rows.size() < 2)
        return {};
    const std::vector<std::string>& heading = rows.front();
    std::vector<std::size_t> widths(heading.size());
    const auto cell = [&](std::size_t row, std::size_t column) {
        std::string_view text = rows[row][column];
        if (row == 0 && text.starts_with('>'))
            text.remove_prefix(1);
        return text;
    };
    for (std::size_t row = 0; row < rows.size(); ++row)
        for (std::size_t column = 0; column < heading.size(); ++column)
            widths[column] = std::max(widths[column], width(cell(row, column)));
    std::string text;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::string line;
        for (std::size_t column = 0; column < heading.size(); ++column) {
            const std::string padding(widths[column] - width(cell(row, column)), ' ');
            const bool is_right = heading[column].starts_with('>');
            line += fmt::format("{}{}{}{}",
                                column == 0 ? "" : kGap,
                                is_right ? padding : "",
                                cell(row, column),
                                is_right ? "" : padding);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

} // namespace thinsnap::tools
