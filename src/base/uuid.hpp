#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace thinsnap {

using Uuid = std::array<std::byte, 16>;

/// A random (version 4) UUID from the system's random source. \throws SystemError
[[nodiscard]] Uuid make_uuid();

/// "01234567-89ab-cdef-0123-456789abcdef"; empty for the all-zero UUID.
[[nodiscard]] std::string to_string(const Uuid& uuid);

/// What to_string() gave; nothing for any other text.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);

} // namespace thinsnap
