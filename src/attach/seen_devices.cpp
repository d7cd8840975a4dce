#include "attach/seen_devices.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <unistd.h>

#include "attach/loop_device.hpp"

namespace thinsnap::attach {

namespace {

/// Root's devices, or else this user's own.
std::optional<RuntimeDirectory> find_directory(const std::string& pool_uuid) {
    if (auto found = RuntimeDirectory::find(RuntimeDirectory::kSystemBase, pool_uuid))
        return found;
    const auto own = RuntimeDirectory::find_base();
    return own ? RuntimeDirectory::find(*own, pool_uuid) : std::nullopt;
}

/// The loop device, if it stands on the device's file still.
std::optional<LoopInfo> loop_of(const ActiveRecord& record, const RuntimeDirectory& directory) {
    auto loop = find_loop(record.loop_number);
    const auto file = directory.devices() + "/" + std::to_string(record.device.id.value());
    return loop && loop->backing_file == file ? std::move(loop) : std::nullopt;
}

} // namespace

std::vector<SeenDevice> see_active_devices(const RuntimeDirectory& directory) {
    std::vector<SeenDevice> seen;
    std::set<dev_t> numbers;
    for (const ActiveRecord& record : directory.read()) {
        const auto loop = loop_of(record, directory);
        const bool is_lost = !is_alive(record.server);
        if (!loop && !is_lost)
            continue; // on its way in or out
        seen.push_back({.device = record.device, .is_lost = is_lost});
        if (loop) {
            seen.back().device.device = loop->device;
            numbers.insert(loop->device);
        }
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

std::optional<std::vector<SeenDevice>> see_active_devices(const std::string& pool_uuid) {
    const auto directory = find_directory(pool_uuid);
    if (!directory)
        return std::vector<SeenDevice>();
    if (::access(directory->path().c_str(), R_OK | X_OK) != 0)
        return std::nullopt;
    return see_active_devices(*directory);
}

} // namespace thinsnap::attach
