#pragma once

#include <string>
#include <vector>

#include "attach/runtime_directory.hpp"

namespace thinsnap::attach {

/// A device that was active when the process that served it died.
struct LostDevice {
    DeviceId id;
    std::string name;                      ///< empty if its record is lost
    std::string path;                      ///< "/dev/loop3"; empty if it was gone already
    std::vector<std::string> mount_points; ///< where it was mounted; as reachable_path() names them
};

struct CleanedUp {
    std::vector<LostDevice> devices;
    /// What could not be cleaned up, one line each.
    std::vector<std::string> problems;
};

/// Cleans up after a process that served the pool's devices and died: thaws and unmounts (lazily,
/// in every mount namespace that can be reached) what was mounted from them, detaches the loop
/// devices, unmounts `devices`, removes the records. Nothing outside the directory is touched: a
/// loop device is ours if its backing file lies, or lay, in `devices`.
///
/// Call it with the pool's lock held, shared or not: then nobody serves them. Of several at once
/// one cleans up and the others wait for it. Nothing to do costs one look at the directory and the
/// mount table.
[[nodiscard]] CleanedUp clean_up(const RuntimeDirectory& directory);

} // namespace thinsnap::attach
