#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace thinsnap::tools {

/// A path inside a container.
struct ContainerPath {
    std::string container;
    std::string path; ///< from its root on
};

/// "NAME:/path", or "NAME:path", which is the same. Nothing when there is no ':' before the first
/// '/': it is a path on the host.
[[nodiscard]] std::optional<ContainerPath> find_container_path(std::string_view text);

/// \throws Error(invalid_argument)  it is none
[[nodiscard]] ContainerPath parse_container_path(std::string_view text);

} // namespace thinsnap::tools
