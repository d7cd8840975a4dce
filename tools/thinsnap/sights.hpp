#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach/seen_devices.hpp"
#include "rpc/json.hpp"

namespace thinsnap::tools {

/// How a container or an image is at the moment, as far as can be seen.
struct Sight {
    /// inactive, active, mounted; lost: the server that it was active in has died; unknown: this
    /// user may not look.
    std::string state = "inactive";
    rpc::Json path = nullptr; ///< of the block device
    rpc::Json mount_points = rpc::Json::array();
};

/// Its members, to the object that tells of a container or an image.
void add_to(rpc::Json& facts, const Sight& sight);
/// Its columns: STATE, DEVICE, MOUNTED ON.
void add_to(std::vector<std::string>& row, const Sight& sight);

/// What can be seen of a pool's active devices, without asking anybody.
class Sights {
public:
    explicit Sights(const std::filesystem::path& pool);

    [[nodiscard]] Sight of(DeviceId device) const;

    // What is active; null when it is not.
    [[nodiscard]] const attach::SeenDevice* find(DeviceId device) const;
    /// \param directory  where it is mounted in this namespace
    [[nodiscard]] const attach::SeenDevice* find_by_mount(std::string_view directory) const;

private:
    std::optional<std::vector<attach::SeenDevice>> seen_;
};

} // namespace thinsnap::tools
