#include "active_pool.hpp"

#include <cerrno>

#include <fmt/core.h>
#include <sys/mount.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/mounts.hpp"
#include "attach/recovery.hpp"

#include "service/activations.hpp"

namespace thinsnap::bench {

namespace {

attach::RuntimeDirectory make_runtime(const fs::path& directory, ThinPool& pool) {
    fs::create_directories(directory);
    fs::permissions(directory, fs::perms::owner_all);
    return {directory.string(), pool.status().uuid};
}

} // namespace

ActivePool::ActivePool(ThinPool& pool, const fs::path& directory)
    : directory_(make_runtime(directory, pool))
    , activator_(std::make_unique<attach::EmbeddedActivator>(pool, directory_)) {}

ActivePool::~ActivePool() {
    activator_.reset();
    try {
        static_cast<void>(attach::clean_up(directory_));
    } catch (const Error&) { // NOLINT(bugprone-empty-catch) nothing more can be done
    }
}

std::string ActivePool::activate(DeviceId id, std::uint64_t size) {
    return activator_
        ->activate({.id = id, .name = fmt::format("device {}", id.value()), .size = size})
        .path;
}

std::string ActivePool::activate(const journal::Container& container) {
    return activator_->activate(service::request_of(container, false)).path;
}

void ActivePool::deactivate(DeviceId id) {
    activator_->deactivate(id, attach::Deactivate::now);
}

Mounted mount_device(const std::string& device, const fs::path& directory) {
    fs::create_directories(directory);
    attach::mount_ext4(device, directory.string(), false);
    return Mounted(directory);
}

Mounted mount_overlay(const fs::path& layers, const fs::path& directory) {
    for (const fs::path& each : {layers / "upper", layers / "work", directory})
        fs::create_directories(each);
    const std::string options =
        fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", layers.string());
    if (::mount("overlay", directory.c_str(), "overlay", 0, options.c_str()) != 0)
        throw SystemError(errno, fmt::format("mounting overlayfs on {}", directory.string()));
    return Mounted(directory);
}

Mounted::~Mounted() {
    if (is_mounted_)
        ::umount2(directory_.c_str(), MNT_DETACH);
}

void Mounted::unmount() {
    attach::unmount(directory_.string(), attach::Unmount::now);
    is_mounted_ = false;
}

std::string why_not_active() {
    if (::geteuid() != 0)
        return "block devices need root";
    for (const char* device : {"/dev/fuse", "/dev/loop-control"})
        if (::access(device, R_OK | W_OK) != 0)
            return fmt::format("{} cannot be used here", device);
    return {};
}

} // namespace thinsnap::bench
