#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace thinsnap::oci {

/// The full name of an image as Docker and containerd know it: "debian" is
/// "docker.io/library/debian:latest". None: it is no name in their sense, or has a digest.
/// Source: github.com/distribution/reference, reference.go and normalize.go.
[[nodiscard]] std::optional<std::string> full_reference(std::string_view name);

} // namespace thinsnap::oci
