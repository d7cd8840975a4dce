#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attach/activator.hpp"
#include "attach/mounts.hpp"
#include "attach/runtime_directory.hpp"

namespace thinsnap::attach {

/// An active device as anybody can see it who may look below /run.
struct SeenDevice {
    ActiveDevice device;
    bool is_lost = false;             ///< what served it has died; see clean_up()
    std::vector<MountPlace> mounts{}; ///< in this and in other namespaces
};

/// The active devices of a pool, by id. Asks no server and takes no lock: what was true a moment
/// ago.
/// \return nothing if they belong to somebody whose directory this user may not read
/// Cost: nothing active: one look. Else every mount namespace is looked at once.
[[nodiscard]] std::optional<std::vector<SeenDevice>>
see_active_devices(const std::string& pool_uuid);
/// Those that one directory tells of.
[[nodiscard]] std::vector<SeenDevice> see_active_devices(const RuntimeDirectory& directory);

} // namespace thinsnap::attach
