#pragma once

#include <string>
#include <string_view>

/// \file
/// What happens, a line each, on standard error.

namespace thinsnap::tools {

/// From now on standard error is this file. \throws SystemError
void log_to_file(const std::string& path);

/// The line begins with time, program and process id. A failure is ignored.
/// Threads: any.
void log_line(std::string_view text);

} // namespace thinsnap::tools
