#pragma once

#include <string>
#include <string_view>
#include <vector>

/// \file
/// Texts for people: safe on a terminal, in columns.

namespace thinsnap::tools {

/// Bytes from an image or a file system as they can be shown: control characters, the backslash and
/// bytes that are no UTF-8 become \xNN (\n, \t, \\), so that nothing is lost and no terminal obeys.
[[nodiscard]] std::string printable(std::string_view bytes);

/// "2026-11-21 08:10:00", UTC, of a time as results have it: "2026-11-21T08:10:00.123456789Z".
[[nodiscard]] std::string short_time(std::string_view time);

/// The first twelve digits of "sha256:...", as people name an image.
[[nodiscard]] std::string short_digest(std::string_view digest);

/// Rows of cells as lines with columns two blanks apart; the first row is the heading. Columns
/// whose heading begins with '>' are set to the right. Nothing but the heading: nothing at all.
[[nodiscard]] std::string columns(const std::vector<std::vector<std::string>>& rows);

} // namespace thinsnap::tools
