#include "base/in_quotes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace thinsnap {

std::string in_quotes(std::string_view bytes) {
    constexpr std::size_t longest = 300;
    const bool is_cut = bytes.size() > longest;
    bytes = bytes.substr(0, longest);
    std::string text = "'";
    while (!bytes.empty()) {
        const bool is_special = bytes.front() == '\\' || bytes.front() == '\'';
        const std::size_t length = is_special ? 0 : printable_utf8_length(bytes);
        if (length == 0)
            text += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes.front()));
        else
            text += bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text + (is_cut ? "...'" : "'");
}

} // namespace thinsnap
