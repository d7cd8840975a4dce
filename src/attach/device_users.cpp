#include "attach/device_users.hpp"

#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "attach/loop_device.hpp"
#include "attach/mounts.hpp"

namespace thinsnap::attach {

std::string users_of(const ActiveDevice& device) {
    std::vector<std::string> users;
    for (const MountPlace& place : find_mounts(device.device))
        users.push_back(fmt::format("mounted on {}", reachable_path(place)));
    for (const std::string& holder : find_holders(device.device))
        users.push_back(fmt::format("used by the device {}", holder));
    for (const pid_t pid : find_openers(device.path))
        users.push_back(fmt::format("open in process {}", pid));
    return users.empty() ? "somebody has it open" : fmt::format("{}", fmt::join(users, ", "));
}

} // namespace thinsnap::attach
