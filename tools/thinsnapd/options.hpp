#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace thinsnap::tools {

struct Options {
    std::string text; ///< to print and nothing else to do: help or version
    std::string pool; ///< absolute
    std::chrono::milliseconds lock_timeout{};
    std::chrono::milliseconds idle_timeout{}; ///< 0: never
    bool background = false;
    std::string log_file; ///< absolute; empty: standard error
};

/// \throws Error(invalid_argument)  with what would be right
[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);

} // namespace thinsnap::tools
