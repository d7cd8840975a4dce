#include "base/uuid.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/core.h>
#include <sys/random.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

Uuid make_uuid() {
    Uuid uuid{};
    if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
        throw SystemError(errno, "reading random bytes for a UUID");
    uuid[6] = (uuid[6] & std::byte{0x0F}) | std::byte{0x40}; // RFC 4122, version 4
    uuid[8] = (uuid[8] & std::byte{0x3F}) | std::byte{0x80}; // RFC 4122, variant 1
    return uuid;
}

std::string to_string(const Uuid& uuid) {
    if (std::all_of(uuid.begin(), uuid.end(), [](std::byte b) { return b == std::byte{0}; }))
        return {};
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += fmt::format("{:02x}", std::to_integer<unsigned>(uuid[i]));
    }
    return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
    constexpr std::string_view known = "0123456789abcdef";
    Uuid uuid{};
    std::size_t digits = 0;
    for (const char c : text) {
        const std::size_t value = known.find(c);
        if (value != std::string_view::npos && digits < 2 * uuid.size()) {
            uuid.at(digits / 2) |= static_cast<std::byte>(digits % 2 == 0 ? value << 4U : value);
            ++digits;
        }
    }
    return to_string(uuid) == text ? std::optional(uuid) : std::nullopt;
}

} // namespace thinsnap
