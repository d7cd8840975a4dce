#include "attach/seen_devices.hpp"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "attach/loop_device.hpp"
#include "attach/runtime_directory.hpp"

namespace thinsnap::attach {

namespace {

/// Root's devices, or else this user's own.
std::optional<RuntimeDirectory> find_directory(const std::string& pool_uuid) {
    if (auto found = RuntimeDirectory::find(RuntimeDirectory::kSystemBase, pool_uuid))
        return found;
    const auto own = RuntimeDirectory::find_base();
    return own ? RuntimeDirectory::find(*own, pool_uuid) : std::nullopt;
}

bool is_served(const ActiveRecord& record, const RuntimeDirectory& directory) {
    const auto loop = find_loop(record.loop_number);
    return is_alive(record.server) && loop &&
           loop->backing_file ==
               directory.devices() + "/" + std::to_string(record.device.id.value());
}

} // namespace

std::optional<std::vector<SeenDevice>> see_active_devices(const std::string& pool_uuid) {
    std::vector<SeenDevice> seen;
    const auto directory = find_directory(pool_uuid);
    if (!directory)
        return seen;
    if (::access(directory->path().c_str(), R_OK | X_OK) != 0)
        return std::nullopt;
    std::set<dev_t> numbers;
    for (const ActiveRecord& record : directory->read()) {
        seen.push_back({.device = record.device, .is_lost = !is_served(record, *directory)});
        if (const auto loop = find_loop(record.loop_number))
            seen.back().device.device = loop->device;
        numbers.insert(seen.back().device.device);
    }
    if (seen.empty())
        return seen;
    for (MountPlace& place : find_mounts(numbers))
        for (SeenDevice& device : seen)
            if (device.device.device == place.device)
                device.mounts.push_back(place);
    std::ranges::sort(seen, {}, [](const SeenDevice& device) { return device.device.id; });
    return seen;
}

} // namespace thinsnap::attach
