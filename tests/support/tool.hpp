#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace thinsnap::test {

/// Whether a program is in $PATH, /usr/sbin or /sbin: what a test needs to know to skip itself.
[[nodiscard]] bool have_tool(std::string_view name);

/// What came of a program.
struct ToolRun {
    int status = 0;     ///< exit status; 128 plus the signal's number when one ended it
    std::string output; ///< standard output
    std::string errors; ///< standard error
};

/// Runs a program to its end, with no standard input.
/// \param argv  argv[0] is looked for as have_tool() does
/// \throws std::system_error  it cannot be started
[[nodiscard]] ToolRun run_tool(const std::vector<std::string>& argv);

} // namespace thinsnap::test
