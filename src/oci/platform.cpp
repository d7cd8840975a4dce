#include "oci/platform.hpp"

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/utsname.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"

namespace thinsnap::oci {

namespace {

struct Alias {
    std::string_view name;
    std::string_view architecture;
    std::string_view variant;
};

// containerd, platforms/database.go; below the line: what uname(2) says
constexpr std::array kAliases{
    Alias{"i386", "386", ""},
    Alias{"x86_64", "amd64", ""},
    Alias{"x86-64", "amd64", ""},
    Alias{"aarch64", "arm64", ""},
    Alias{"armhf", "arm", "v7"},
    Alias{"armel", "arm", "v6"},

    Alias{"i686", "386", ""},
    Alias{"armv7l", "arm", "v7"},
    Alias{"armv6l", "arm", "v6"},
    Alias{"loongarch64", "loong64", ""},
};

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    for (;;) {
        const auto slash = text.find('/');
        parts.emplace_back(text.substr(0, slash));
        if (slash == std::string_view::npos)
            return parts;
        text.remove_prefix(slash + 1);
    }
}

} // namespace

std::string to_string(const Platform& platform) {
    std::string text = platform.os + '/' + platform.architecture;
    return platform.variant.empty() ? text : text + '/' + platform.variant;
}

Platform parse_platform(std::string_view text) {
    auto parts = split(text);
    bool complete = parts.size() == 2 || parts.size() == 3;
    for (const std::string& part : parts)
        complete = complete && !part.empty();
    if (!complete)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} is no platform: expected os/architecture[/variant], for "
                                "example linux/arm64",
                                in_quotes(text)));
    parts.resize(3);
    return normalised({std::move(parts[0]), std::move(parts[1]), std::move(parts[2])});
}

Platform host_platform() {
    struct utsname names {};
    if (::uname(&names) != 0)
        throw SystemError(errno, "asking for the machine's name");
    return normalised({"linux", std::data(names.machine), {}});
}

Platform normalised(Platform platform) {
    for (const Alias& alias : kAliases)
        if (platform.architecture == alias.name) {
            platform.architecture = alias.architecture;
            if (platform.variant.empty())
                platform.variant = alias.variant;
            break;
        }
    if (!platform.variant.empty() && platform.variant.front() != 'v')
        platform.variant.insert(0, 1, 'v');
    if (platform.architecture == "arm" && platform.variant.empty())
        platform.variant = "v7";
    if ((platform.architecture == "arm64" && platform.variant == "v8") ||
        (platform.architecture == "amd64" && platform.variant == "v1"))
        platform.variant.clear();
    return platform;
}

std::optional<std::size_t> best_match(std::span<const Platform> offered, const Platform& wanted) {
    const auto find = [&](const std::string& variant,
                          bool any_variant) -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < offered.size(); ++i) {
            const Platform platform = normalised(offered[i]);
            if (platform.os == wanted.os && platform.architecture == wanted.architecture &&
                (any_variant || platform.variant == variant))
                return i;
        }
        return std::nullopt;
    };
    if (const auto same = find(wanted.variant, false))
        return same;
    if (wanted.architecture == "arm")
        for (const std::string_view lower : {"v7", "v6", "v5"})
            if (lower < wanted.variant)
                if (const auto found = find(std::string(lower), false))
                    return found;
    return wanted.variant.empty() ? find({}, true) : std::nullopt;
}

} // namespace thinsnap::oci
