#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thinsnap::app {

/// The directories on which FUSE file systems are mounted in this namespace. To ask for a file
/// there is to ask a program, which may never answer. \param mountinfo  what /proc/self/mountinfo
/// holds
[[nodiscard]] std::vector<std::string> fuse_mount_points(std::string_view mountinfo);

/// Whether the path lies in one of the directories, going by its text.
[[nodiscard]] bool lies_in(std::string_view path, const std::vector<std::string>& directories);

} // namespace thinsnap::app
