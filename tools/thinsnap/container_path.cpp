#include "container_path.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::tools {

std::optional<ContainerPath> find_container_path(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || text.find('/') < colon)
        return std::nullopt;
    const std::string_view path = text.substr(colon + 1);
    return ContainerPath{.container = std::string(text.substr(0, colon)),
                         .path = (path.starts_with('/') ? "" : "/") + std::string(path)};
}

ContainerPath parse_container_path(std::string_view text) {
    const auto found = find_container_path(text);
    if (!found)
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' names no file of a container, as NAME:/path does", text));
    return *found;
}

} // namespace thinsnap::tools
