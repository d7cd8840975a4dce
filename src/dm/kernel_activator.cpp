#include "dm/kernel_activator.hpp"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/core.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "attach/device_users.hpp"

namespace thinsnap::dm {

namespace {

using attach::ActiveDevice;
using attach::Deactivate;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::milliseconds(1000); // with udev, which looks at a device
constexpr auto kPause = std::chrono::milliseconds(5);

[[noreturn]] void refuse_active(const ActiveDevice& device) {
    if (device.leaving)
        throw Error(Errc::busy,
                    fmt::format("'{}' was deactivated, but {} is still in use: {}",
                                device.name,
                                device.path,
                                attach::users_of(device)));
    throw Error(Errc::busy,
                fmt::format("'{}' is active already, {}, as {}",
                            device.name,
                            device.read_only ? "read-only" : "writable",
                            device.path));
}

/// When the node was made, which is when the device was.
std::chrono::system_clock::time_point time_of(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0)
        return {};
    return std::chrono::system_clock::from_time_t(st.st_ctime);
}

} // namespace

KernelActivator::KernelActivator(Control& control, KernelPool& pool)
    : control_(control)
    , pool_(pool) {}

void KernelActivator::commit_gone() {
    bool gone = false;
    for (auto id = leaving_.begin(); id != leaving_.end();) {
        const bool left = !control_.find(name_of(*id));
        gone = gone || left;
        if (left)
            labels_.erase(*id);
        id = left ? leaving_.erase(id) : std::next(id);
    }
    if (gone)
        pool_.commit();
}

std::optional<ActiveDevice> KernelActivator::look_at(DeviceId id) {
    const std::string name = name_of(id);
    const auto mapped = control_.find(name);
    if (!mapped)
        return std::nullopt;
    const Target table = control_.table(name);
    const auto label = labels_.find(id);
    const std::string path = control_.path(name);
    return ActiveDevice{.id = id,
                        .name = label == labels_.end() ? fmt::format("thin device {}", id.value())
                                                       : label->second,
                        .size = table.bytes,
                        .read_only = mapped->read_only,
                        .path = path,
                        .device = mapped->device,
                        .leaving = mapped->leaving || table.type == "error",
                        .since = time_of(path)};
}

ActiveDevice KernelActivator::require(DeviceId id) {
    auto device = look_at(id);
    if (!device)
        throw Error(Errc::not_found, fmt::format("thin device {} is not active", id.value()));
    return *std::move(device);
}

ActiveDevice KernelActivator::activate(const attach::ActivateRequest& request) {
    const MutexLock lock(mutex_);
    commit_gone();
    if (const auto active = look_at(request.id))
        refuse_active(*active);
    if (!pool_.has_device(request.id))
        throw Error(Errc::not_found,
                    fmt::format("thin device {} does not exist", request.id.value()));
    control_.create({.name = name_of(request.id),
                     .target = thin_target(pool_.number(), request.id, request.size),
                     .read_only = request.read_only,
                     .is_private = false});
    labels_[request.id] = request.name;
    return require(request.id);
}

void KernelActivator::deactivate(DeviceId id, Deactivate how) {
    const MutexLock lock(mutex_);
    commit_gone();
    const ActiveDevice device = require(id);
    const std::string name = name_of(id);
    if (how == Deactivate::when_unused) {
        leaving_.insert(id);
        control_.remove(name, Remove::when_unused);
        commit_gone();
        return;
    }
    const auto deadline = Clock::now() + kPatience;
    while (true) {
        const auto mapped = control_.find(name);
        if (!mapped || mapped->open_count == 0)
            break;
        if (Clock::now() >= deadline)
            throw Error(
                Errc::busy,
                fmt::format(
                    "'{}' ({}) is in use: {}", device.name, device.path, attach::users_of(device)));
        std::this_thread::sleep_for(kPause);
    }
    leaving_.insert(id);
    if (control_.find(name)) // one that was leaving goes by itself
        control_.remove(name, Remove::now);
    commit_gone();
}

bool KernelActivator::try_deactivate(DeviceId id) {
    const MutexLock lock(mutex_);
    commit_gone();
    const ActiveDevice device = require(id);
    const auto mapped = control_.find(name_of(id));
    if (device.leaving || (mapped && mapped->open_count > 0))
        return false;
    leaving_.insert(id);
    // Who opens it in this moment keeps it until the end of that.
    control_.remove(name_of(id), Remove::when_unused);
    commit_gone();
    return !leaving_.contains(id);
}

void KernelActivator::revoke(DeviceId id) {
    const MutexLock lock(mutex_);
    commit_gone();
    const ActiveDevice device = require(id);
    leaving_.insert(id);
    replace_table(
        control_, name_of(id), error_target(device.size), device.read_only, Suspend::at_once);
    control_.remove(name_of(id), Remove::when_unused);
    commit_gone();
}

void KernelActivator::resize(DeviceId id, std::uint64_t size) {
    const MutexLock lock(mutex_);
    const ActiveDevice device = require(id);
    if (size < device.size)
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' has {} bytes and cannot become smaller ({} are asked for)",
                                device.name,
                                device.size,
                                size));
    if (device.leaving)
        refuse_active(device);
    replace_table(control_,
                  name_of(id),
                  thin_target(pool_.number(), id, size),
                  device.read_only,
                  Suspend::flush);
}

std::vector<ActiveDevice> KernelActivator::list() {
    const MutexLock lock(mutex_);
    commit_gone();
    std::set<DeviceId> ids;
    for (const std::string& name : control_.list(pool_.names().pool() + '-'))
        if (const auto id = pool_.names().parse_active(name))
            ids.insert(*id);
    std::vector<ActiveDevice> devices;
    for (const DeviceId id : ids)
        if (auto device = look_at(id))
            devices.push_back(*std::move(device));
    return devices;
}

std::optional<ActiveDevice> KernelActivator::find(DeviceId id) {
    const MutexLock lock(mutex_);
    commit_gone();
    return look_at(id);
}

} // namespace thinsnap::dm
