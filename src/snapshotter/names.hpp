#pragma once

#include <string>
#include <string_view>

/// \file
/// What containers and images may be called.

namespace thinsnap::snapshotter {

/// A container's name: letters, digits, '_', '.' and '-', the first a letter or a digit, at most
/// 255 bytes. So it can stand before a ':' in NAME:/path, and in a file name.
/// \throws Error(invalid_argument)  naming the rule
void validate_container_name(std::string_view name);

/// An image's name as it is stored: "debian" becomes "debian:latest", what has a tag or a digest
/// ("debian@sha256:...", "sha256:...") keeps it. "docker.io/library/debian" is "debian", and
/// "docker.io/user/tool" is "user/tool", as in Docker's own lists; other registries stay.
/// \throws Error(invalid_argument)  empty, over 1024 bytes, or with blanks or control characters
[[nodiscard]] std::string normalize_image_name(std::string_view name);

} // namespace thinsnap::snapshotter
