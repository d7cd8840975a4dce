#include "text.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/utf8.hpp"

namespace thinsnap::tools {

namespace {

constexpr std::size_t kShortDigits = 12;
constexpr std::string_view kGap = "  ";

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

} // namespace

std::string printable(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t length = bytes.front() == '\\' ? 0 : printable_utf8_length(bytes);
        if (length == 0)
            text += escaped(bytes.front());
        else
            text += bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

std::string short_time(std::string_view time) {
    std::string text(time.substr(0, time.find('.')));
    std::ranges::replace(text, 'T', ' ');
    return text;
}

std::string short_digest(std::string_view digest) {
    return std::string(digest.substr(digest.find(':') + 1).substr(0, kShortDigits));
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
        const std::size_t begin = text.size();
        for (std::size_t column = 0; column < heading.size(); ++column) {
            const std::string_view content = cell(row, column);
            const std::size_t padding = widths[column] - width(content);
            const bool is_right = heading[column].starts_with('>');
            text += column == 0 ? "" : kGap;
            text.append(is_right ? padding : 0, ' ');
            text += content;
            text.append(is_right ? 0 : padding, ' ');
        }
        text.resize(std::max(begin, text.find_last_not_of(' ') + 1));
        text += '\n';
    }
    return text;
}

} // namespace thinsnap::tools
