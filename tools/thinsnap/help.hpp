#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"

namespace thinsnap::tools {

/// Options that every command takes, anywhere on the command line.
[[nodiscard]] std::span<const Option> global_options();

/// Every command, in the order in which help lists them.
[[nodiscard]] const std::vector<const Command*>& all_commands();
[[nodiscard]] bool is_group(std::string_view name);

/// \param group  empty for the whole program
[[nodiscard]] std::string group_help(std::string_view group);
[[nodiscard]] std::string command_help(const Command& command);

} // namespace thinsnap::tools
