#include "oci/reference.hpp"

#include <algorithm>

namespace thinsnap::oci {

namespace {

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_alphanumeric(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/// Words of small letters and digits, joined by ".", "_", "__" or dashes.
bool is_component(std::string_view text) {
    if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back()))
        return false;
    for (std::size_t i = 0; i < text.size();) {
        const auto end = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(i),
                                      text.end(),
                                      [](char c) { return is_lower_or_digit(c); });
        const auto gap = text.substr(i, static_cast<std::size_t>(end - text.begin()) - i);
        const bool dashes = gap.find_first_not_of('-') == std::string_view::npos;
        if (!gap.empty() && gap != "." && gap != "_" && gap != "__" && !dashes)
            return false;
        i += gap.size() + 1;
    }
    return true;
}

bool is_path(std::string_view text) {
    for (;;) {
        const auto slash = text.find('/');
        if (!is_component(text.substr(0, slash)))
            return false;
        if (slash == std::string_view::npos)
            return true;
        text.remove_prefix(slash + 1);
    }
}

bool is_domain(std::string_view text) {
    return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
           std::ranges::all_of(
               text, [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == ':'; });
}

bool is_tag(std::string_view text) {
    constexpr std::size_t most = 128;
    return !text.empty() && text.size() <= most && text.front() != '.' && text.front() != '-' &&
           std::ranges::all_of(
               text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

} // namespace

std::optional<std::string> full_reference(std::string_view name) {
    const auto last_slash = name.rfind('/');
    const auto colon = name.find(':', last_slash == std::string_view::npos ? 0 : last_slash);
    const std::string_view tag =
        colon == std::string_view::npos ? "latest" : name.substr(colon + 1);
    std::string_view path = name.substr(0, colon);
    std::string_view domain = "docker.io";
    const auto slash = path.find('/');
    const std::string_view first = path.substr(0, slash);
    const bool has_domain =
        slash != std::string_view::npos && (first.find_first_of(".:") != std::string_view::npos ||
                                            first == "localhost" || !is_component(first));
    if (has_domain) {
        domain = first;
        path.remove_prefix(slash + 1);
    }
    if (domain == "index.docker.io")
        domain = "docker.io";
    if (!is_domain(domain) || !is_path(path) || !is_tag(tag))
        return std::nullopt;
    const bool is_official = domain == "docker.io" && path.find('/') == std::string_view::npos;
    return std::string(domain) + (is_official ? "/library/" : "/") + std::string(path) + ':' +
           std::string(tag);
}

} // namespace thinsnap::oci
