#include "command.hpp"

#include <charconv>
#include <system_error>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/size_text.hpp"

namespace thinsnap::tools {

bool Arguments::has(std::string_view option) const {
    return options_.contains(std::string(option));
}

std::optional<std::string> Arguments::find_text(std::string_view option) const {
    const auto found = options_.find(std::string(option));
    if (found == options_.end())
        return std::nullopt;
    return found->second;
}

std::optional<std::uint64_t> Arguments::find_size(std::string_view option) const {
    const auto value = find_text(option);
    if (!value)
        return std::nullopt;
    return parse_size(*value, fmt::format("--{}", option));
}

namespace {

[[noreturn]] void complain_missing(std::string_view option) {
    throw Error(Errc::invalid_argument, fmt::format("the option --{} is missing", option));
}

} // namespace

std::string Arguments::text(std::string_view option) const {
    auto value = find_text(option);
    if (!value)
        complain_missing(option);
    return *std::move(value);
}

std::uint64_t Arguments::size(std::string_view option) const {
    const auto value = find_size(option);
    if (!value)
        complain_missing(option);
    return *value;
}

std::string absolute_path(const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).string();
}

std::string full_name(const Command& command) {
    return *command.group == '\0' ? command.name
                                  : fmt::format("{} {}", command.group, command.name);
}

std::uint64_t parse_number(std::string_view text, std::string_view what, std::uint64_t max) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value > max)
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' is no {}: a number from 0 to {}", text, what, max));
    return value;
}

DeviceId parse_device_id(std::string_view text) {
    return DeviceId(
        static_cast<std::uint32_t>(parse_number(text, "device id", kMaxDeviceId.value())));
}

} // namespace thinsnap::tools
