#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "command.hpp"

namespace thinsnap::tools {

/// What the command line asks for.
struct Request {
    /// Text to print and nothing else to do: help or version.
    std::string text;
    const Command* command = nullptr;
    std::string pool;
    bool pool_named = false;
    std::chrono::milliseconds lock_timeout{};
    bool json = false;
    std::map<std::string, std::string> options;
    std::vector<std::string> words;
};

/// Global options may stand anywhere, a command's own behind its name.
/// \throws Error(invalid_argument)  with what would be right
[[nodiscard]] Request parse_command_line(const std::vector<std::string>& arguments);

/// Whether errors are to be JSON, even if the command line cannot be understood.
[[nodiscard]] bool wants_json(const std::vector<std::string>& arguments);

} // namespace thinsnap::tools
