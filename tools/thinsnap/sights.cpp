#include "sights.hpp"

#include <algorithm>

#include "app/pool_glance.hpp"

#include "text.hpp"

namespace thinsnap::tools {

namespace {

const attach::SeenDevice* pointer_to(const std::vector<attach::SeenDevice>& devices,
                                     std::vector<attach::SeenDevice>::const_iterator found) {
    return found == devices.end() ? nullptr : &*found;
}

Sight describe(const attach::SeenDevice& seen) {
    Sight sight;
    sight.state = seen.is_lost ? "lost" : seen.mounts.empty() ? "active" : "mounted";
    sight.path = seen.device.path;
    for (const attach::MountPlace& place : seen.mounts)
        sight.mount_points.push_back(attach::reachable_path(place));
    return sight;
}

} // namespace

Sights::Sights(const std::filesystem::path& pool) {
    if (const auto glance = app::glance_at_pool(pool))
        seen_ = attach::see_active_devices(glance->uuid);
}

void add_to(rpc::Json& facts, const Sight& sight) {
    facts["state"] = sight.state;
    facts["path"] = sight.path;
    facts["mount_points"] = sight.mount_points;
}

void add_to(std::vector<std::string>& row, const Sight& sight) {
    std::string where;
    for (const rpc::Json& place : sight.mount_points)
        where += (where.empty() ? "" : " ") + place.get<std::string>();
    row.push_back(sight.state);
    row.push_back(sight.path.is_null() ? "" : sight.path.get<std::string>());
    row.push_back(printable(where));
}

Sight Sights::of(DeviceId device) const {
    if (!seen_)
        return {.state = "unknown"};
    const attach::SeenDevice* seen = find(device);
    return seen == nullptr ? Sight() : describe(*seen);
}

const attach::SeenDevice* Sights::find(DeviceId device) const {
    if (!seen_)
        return nullptr;
    return pointer_to(*seen_, std::ranges::find_if(*seen_, [&](const attach::SeenDevice& seen) {
        return seen.device.id == device;
    }));
}

const attach::SeenDevice* Sights::find_by_mount(std::string_view directory) const {
    if (!seen_)
        return nullptr;
    return pointer_to(*seen_, std::ranges::find_if(*seen_, [&](const attach::SeenDevice& seen) {
        return std::ranges::any_of(seen.mounts, [&](const attach::MountPlace& place) {
            return place.pid == 0 && place.directory == directory;
        });
    }));
}

} // namespace thinsnap::tools
