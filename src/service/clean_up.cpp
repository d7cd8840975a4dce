#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "attach/recovery.hpp"
#include "attach/runtime_directory.hpp"

#include "service/activations.hpp"

namespace thinsnap::service {

namespace {

std::string text_of(const attach::LostDevice& device) {
    std::string text = fmt::format(
        "thinsnapd died while {} was active",
        device.name.empty() ? fmt::format("the device {}", device.id.value()) : device.name);
    if (!device.path.empty())
        text += fmt::format(" as {}", device.path);
    if (!device.mount_points.empty())
        text += fmt::format(", mounted on {}; that was unmounted",
                            fmt::join(device.mount_points, " and "));
    return text + "; what had been synced is there";
}

} // namespace

std::vector<std::string> clean_up_after_server(const std::string& uuid) {
    std::vector<std::string> texts;
    // Root's devices are in one place; who else has no place for any has none.
    const auto base = attach::RuntimeDirectory::find_base();
    const auto directory = base ? attach::RuntimeDirectory::find(*base, uuid) : std::nullopt;
    if (!directory)
        return texts;
    const attach::CleanedUp cleaned = attach::clean_up(*directory);
    for (const attach::LostDevice& device : cleaned.devices)
        texts.push_back(text_of(device));
    for (const std::string& problem : cleaned.problems)
        texts.push_back("cleaning up after thinsnapd: " + problem);
    directory->remove_if_unused();
    return texts;
}

} // namespace thinsnap::service
