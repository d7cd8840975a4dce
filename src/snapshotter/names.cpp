#include "snapshotter/names.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::snapshotter {

namespace {

constexpr std::size_t kMaxContainerName = 255;
constexpr std::size_t kMaxImageName = 1024;
constexpr std::string_view kDefaultTag = ":latest";

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_printable(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != 0x7F;
}

/// What everybody leaves out who speaks of an image of Docker's registry.
std::string_view without_default_registry(std::string_view name) {
    constexpr std::string_view kRegistry = "docker.io/";
    constexpr std::string_view kOfficial = "library/";
    if (!name.starts_with(kRegistry) || name.size() == kRegistry.size())
        return name;
    name.remove_prefix(kRegistry.size());
    const auto rest = name.substr(std::min(kOfficial.size(), name.size()));
    if (name.starts_with(kOfficial) && !rest.empty() && rest.find('/') == std::string_view::npos)
        return rest;
    return name;
}

} // namespace

void validate_container_name(std::string_view name) {
    const bool is_valid = !name.empty() && name.size() <= kMaxContainerName &&
                          is_alphanumeric(name.front()) && std::ranges::all_of(name, [](char c) {
                              return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
                          });
    if (!is_valid)
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' is no container name: 1 to {} letters, digits, '_', '.' and "
                                "'-', the first a letter or a digit",
                                name,
                                kMaxContainerName));
}

std::string normalize_image_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxImageName || !std::ranges::all_of(name, is_printable))
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' is no image name: 1 to {} bytes without blanks",
                                name,
                                kMaxImageName));
    name = without_default_registry(name);
    const auto last_part = name.substr(name.rfind('/') + 1); // npos + 1: all of it
    const bool is_complete = last_part.find(':') != std::string_view::npos;
    return std::string(name) + std::string(is_complete ? "" : kDefaultTag);
}

} // namespace thinsnap::snapshotter
