#include "attach/embedded_activator.hpp"

#include <cerrno>
#include <thread>
#include <utility>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/device_users.hpp"
#include "attach/revoked_device.hpp"

namespace thinsnap::attach {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 1000ms; // with udev, which looks at a device for a moment
constexpr auto kPause = 5ms;

std::string file_name(DeviceId id) {
    return std::to_string(id.value());
}

[[noreturn]] void refuse(const ActiveDevice& device) {
    if (device.leaving)
        throw Error(Errc::busy,
                    fmt::format("'{}' was deactivated, but {} is still in use: {}",
                                device.name,
                                device.path,
                                users_of(device)));
    throw Error(Errc::busy,
                fmt::format("'{}' is active already, {}, as {}",
                            device.name,
                            device.read_only ? "read-only" : "writable",
                            device.path));
}

template <class Done>
bool wait_until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(kPause);
    }
    return true;
}

} // namespace

EmbeddedActivator::EmbeddedActivator(ThinPool& pool,
                                     RuntimeDirectory directory,
                                     const ExportOptions& options)
    : pool_(pool)
    , directory_(std::move(directory))
    , options_(options) {}

EmbeddedActivator::~EmbeddedActivator() {
    const MutexLock lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        const auto next = std::next(entry);
        try {
            if (entry->second.loop.is_open() && entry->second.loop.try_detach())
                forget(entry);
        } catch (const Error&) { // NOLINT(bugprone-empty-catch) the next clean_up() does it
        }
        entry = next;
    }
}

ExportedFiles& EmbeddedActivator::files() {
    if (!files_)
        files_ = std::make_unique<ExportedFiles>(directory_.devices(), options_);
    return *files_;
}

EmbeddedActivator::Entries::iterator EmbeddedActivator::require(DeviceId id) {
    const auto entry = entries_.find(id);
    if (entry == entries_.end())
        throw Error(Errc::not_found, fmt::format("thin device {} is not active", id.value()));
    return entry;
}

ActiveDevice EmbeddedActivator::activate(const ActivateRequest& request) {
    const MutexLock lock(mutex_);
    let_go_of_unused();
    const auto found = entries_.find(request.id);
    if (found != entries_.end())
        refuse(found->second.device);
    Entry entry;
    entry.device = {.id = request.id,
                    .name = request.name,
                    .size = request.size,
                    .read_only = request.read_only,
                    .since = std::chrono::system_clock::now()};
    entry.thin =
        pool_.open_device(request.id, {.size = request.size, .read_only = request.read_only});
    const std::string name = file_name(request.id);
    const std::string file = files().add(name,
                                         entry.thin,
                                         {.read_only = request.read_only,
                                          .discard_size = pool_.chunk_size(),
                                          .written_soon = request.written_soon});
    try {
        record(entry); // before there is anything that a crash could leave behind
        entry.loop = LoopDevice(file, {.read_only = request.read_only});
        entry.device.path = entry.loop.path();
        entry.device.device = entry.loop.device();
        record(entry);
    } catch (...) {
        entry.loop.detach_when_unused();
        if (wait_for_close(name))
            files_->remove(name);
        directory_.remove(request.id);
        throw;
    }
    return entries_.emplace(request.id, std::move(entry)).first->second.device;
}

void EmbeddedActivator::record(const Entry& entry) {
    directory_.write({.device = entry.device,
                      .loop_number = entry.loop.number(),
                      .server = mark_of(::getpid())});
}

void EmbeddedActivator::deactivate(DeviceId id, Deactivate how) {
    const MutexLock lock(mutex_);
    let_go_of_unused();
    const auto found = require(id);
    Entry& entry = found->second;
    if (entry.device.leaving && how == Deactivate::when_unused)
        return;
    if (how == Deactivate::when_unused) {
        entry.device.leaving = true;
        entry.loop.detach_when_unused();
        let_go_of_unused();
        return;
    }
    wait_for_detach(entry);
    let_go(found);
}

bool EmbeddedActivator::try_deactivate(DeviceId id) {
    const MutexLock lock(mutex_);
    let_go_of_unused();
    const auto found = require(id);
    Entry& entry = found->second;
    if (entry.device.leaving || entry.loop.is_claimed() || !entry.loop.try_detach())
        return false;
    if (!wait_for_close(file_name(id))) { // somebody opened it in that moment
        entry.device.leaving = true;
        return false;
    }
    let_go(found);
    return true;
}

void EmbeddedActivator::revoke(DeviceId id) {
    const MutexLock lock(mutex_);
    Entry& entry = require(id)->second;
    files_->replace(file_name(id),
                    std::make_shared<RevokedDevice>(entry.device.name, entry.device.size));
    entry.device.leaving = true;
    entry.loop.detach_when_unused();
    const std::weak_ptr<BlockDevice> thin = entry.thin;
    entry.thin.reset();
    if (!wait_until([&] { return thin.expired(); })) // by requests that had begun
        throw Error(Errc::busy,
                    fmt::format("an access to '{}' does not end; try again", entry.device.name));
    let_go_of_unused();
}

/// The block device is gone, whatever the flush comes to.
void EmbeddedActivator::let_go(Entries::iterator entry) {
    const auto thin = entry->second.thin;
    forget(entry);
    if (thin)
        thin->flush();
}

bool EmbeddedActivator::wait_for_close(const std::string& name) {
    const ExportedFiles& exported = *files_;
    return wait_until([&] { return !exported.is_open(name); });
}

/// A device that is leaving has no descriptor of ours: then only its file tells.
void EmbeddedActivator::wait_for_detach(Entry& entry) {
    const bool leaving = entry.device.leaving;
    const bool free = (leaving || wait_until([&] {
                           return entry.loop.is_claimed() || entry.loop.try_detach();
                       })) &&
                      !entry.loop.is_open() && wait_for_close(file_name(entry.device.id));
    if (!free)
        throw Error(Errc::busy,
                    fmt::format("'{}' ({}) is in use: {}",
                                entry.device.name,
                                entry.device.path,
                                users_of(entry.device)));
}

void EmbeddedActivator::forget(Entries::iterator entry) {
    const DeviceId id = entry->first;
    files_->remove(file_name(id));
    entries_.erase(entry);
    directory_.remove(id);
}

void EmbeddedActivator::let_go_of_unused() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        const auto next = std::next(entry);
        if (entry->second.device.leaving && !files_->is_open(file_name(entry->first))) {
            try {
                let_go(entry);
            } catch (const Error&) { // NOLINT(bugprone-empty-catch) the pool's status says it
            }
        }
        entry = next;
    }
}

void EmbeddedActivator::resize(DeviceId id, std::uint64_t size) {
    const MutexLock lock(mutex_);
    const auto found = require(id);
    Entry& entry = found->second;
    if (size < entry.device.size)
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' has {} bytes and cannot become smaller ({} are asked for)",
                                entry.device.name,
                                entry.device.size,
                                size));
    entry.thin = pool_.open_device(id, {.size = size, .read_only = entry.device.read_only});
    files_->replace(file_name(id), entry.thin);
    struct stat st {};
    const std::string file = files_->path_of(file_name(id));
    if (::stat(file.c_str(), &st) != 0) // older kernels take the size that they saw last
        throw SystemError(errno, fmt::format("looking at {}", file));
    entry.loop.update_size();
    entry.device.size = size;
    record(entry);
}

std::vector<ActiveDevice> EmbeddedActivator::list() {
    const MutexLock lock(mutex_);
    let_go_of_unused();
    std::vector<ActiveDevice> devices;
    for (const auto& [id, entry] : entries_)
        devices.push_back(entry.device);
    return devices;
}

std::optional<ActiveDevice> EmbeddedActivator::find(DeviceId id) {
    const MutexLock lock(mutex_);
    let_go_of_unused();
    const auto entry = entries_.find(id);
    return entry == entries_.end() ? std::nullopt : std::optional(entry->second.device);
}

} // namespace thinsnap::attach
