#include "service/activations.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/device_users.hpp"
#include "attach/embedded_activator.hpp"
#include "attach/freezer.hpp"
#include "attach/mounts.hpp"
#include "ext4/layout.hpp"
#include "rpc/fault.hpp"

namespace thinsnap::service {

namespace {

using namespace std::chrono_literals;
using attach::ActiveDevice;
using attach::MountPlace;

constexpr auto kMountPatience = 10s; ///< between an activation and its mount
constexpr auto kLeavePatience = 2s;  ///< for those whose mount was taken away
constexpr auto kPause = 10ms;

class FrozenMount final : public snapshotter::Stillness {
public:
    FrozenMount(const MountPlace& place, dev_t pool_file_system)
        : frozen_(place, {.pool_file_system = pool_file_system}) {}
    void end() override { frozen_.thaw(); }

private:
    attach::FrozenFileSystem frozen_;
};

/// What was written to the block device itself, past any file system.
void flush_page_cache(const std::string& path) {
    const Fd device = open_file(path, O_RDONLY);
    if (::fsync(device.get()) != 0)
        throw SystemError(errno, fmt::format("flushing {}", path));
}

bool is_mount_overdue(std::chrono::steady_clock::time_point last_mount,
                      std::chrono::steady_clock::time_point now) {
    return now - last_mount >= kMountPatience;
}

} // namespace

attach::ActivateRequest request_of(const journal::Container& container, bool read_only) {
    constexpr std::uint64_t kFirstChange = 64U << 10U; // the journal's superblock, a transaction
    return {.id = container.device,
            .name = container.name,
            .size = container.virtual_size,
            .read_only = read_only,
            .written_soon = {ext4::journal_place().first * ext4::kBlockSize, kFirstChange}};
}

std::string in_use_text(const std::vector<ActiveDevice>& devices) {
    std::vector<std::string> texts;
    for (const ActiveDevice& device : devices)
        texts.push_back(fmt::format("{} is active as {}", device.name, device.path));
    return fmt::format("{}", fmt::join(texts, ", "));
}

Activations::Activations(ThinPool& pool, ActivePool where)
    : pool_(pool)
    , where_(std::move(where)) {}

Activations::~Activations() {
    const MutexLock lock(mutex_);
    activator_.reset();
    if (directory_)
        directory_->remove_if_unused();
}

attach::Activator& Activations::activator() {
    if (!activator_) {
        directory_.emplace(attach::RuntimeDirectory::default_base(), where_.uuid);
        activator_ = std::make_unique<attach::EmbeddedActivator>(pool_, *directory_);
    }
    return *activator_;
}

std::optional<ActiveDevice> Activations::find_present(DeviceId id) {
    return activator_ ? activator_->find(id) : std::nullopt;
}

ActiveDevice Activations::activate(const attach::ActivateRequest& request, Purpose purpose) {
    const MutexLock lock(mutex_);
    if (is_closed_)
        throw rpc::Fault(rpc::FaultCode::ending, "thinsnapd is ending");
    auto device = find_present(request.id);
    const bool is_shared =
        device && !device->leaving && device->read_only == request.read_only &&
        (device->read_only || purpose == Purpose::mount || holds_[request.id].activations == 0);
    if (!is_shared) {
        device = activator().activate(request); // which refuses what is active
        holds_[request.id] = Hold{};
    }
    Hold& hold = holds_[request.id];
    if (purpose == Purpose::device)
        ++hold.activations;
    else
        hold.last_mount = Clock::now();
    return *device;
}

bool Activations::deactivate(DeviceId id, Purpose purpose, attach::Deactivate how) {
    const MutexLock lock(mutex_);
    if (!activator_ || !activator_->find(id))
        throw Error(Errc::not_found, fmt::format("the device {} is not active", id.value()));
    Hold& hold = holds_[id];
    if (purpose == Purpose::mount) {
        if (hold.activations > 0 || !activator_->try_deactivate(id))
            return false;
    } else if (hold.activations > 1) {
        --hold.activations;
        return false;
    } else {
        activator_->deactivate(id, how);
    }
    holds_.erase(id);
    return true;
}

void Activations::take_away(DeviceId id) {
    const auto device = find(id);
    if (!device)
        return;
    for (const MountPlace& place : attach::find_mounts(device->device))
        attach::unmount_lazily(place);
    const MutexLock lock(mutex_);
    holds_.erase(id);
    if (!find_present(id))
        return;
    activator_->deactivate(id, attach::Deactivate::when_unused);
    const auto deadline = Clock::now() + kLeavePatience;
    while (activator_->find(id)) {
        if (Clock::now() >= deadline)
            return activator_->revoke(id);
        std::this_thread::sleep_for(kPause);
    }
}

void Activations::resize(DeviceId id, std::uint64_t size) {
    const MutexLock lock(mutex_);
    activator().resize(id, size);
}

std::vector<ActiveDevice> Activations::list() {
    const MutexLock lock(mutex_);
    return activator_ ? activator_->list() : std::vector<ActiveDevice>();
}

std::optional<ActiveDevice> Activations::find(DeviceId id) {
    const MutexLock lock(mutex_);
    return find_present(id);
}

void Activations::release(bool (*wants)(const Hold& hold, Clock::time_point now)) {
    const MutexLock lock(mutex_);
    if (!activator_)
        return;
    for (const ActiveDevice& device : activator_->list())
        if (!device.leaving && wants(holds_[device.id], Clock::now()) &&
            activator_->try_deactivate(device.id))
            holds_.erase(device.id);
}

void Activations::tidy() {
    release([](const Hold& hold, Clock::time_point now) {
        return hold.activations == 0 && is_mount_overdue(hold.last_mount, now);
    });
}

void Activations::release_unused() {
    release([](const Hold&, Clock::time_point) { return true; });
}

bool Activations::try_close() {
    const MutexLock lock(mutex_);
    is_closed_ = is_closed_ || !activator_ || activator_->list().empty();
    return is_closed_;
}

std::unique_ptr<snapshotter::Stillness> Activations::freeze(DeviceId id) {
    const auto device = find(id);
    if (!device || device->read_only)
        return nullptr;
    std::exception_ptr failure;
    for (const MountPlace& place : attach::find_mounts(device->device)) {
        try {
            return std::make_unique<FrozenMount>(place, where_.file_system);
        } catch (const Error&) { // its namespace may have gone: another place will do
            failure = std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
    flush_page_cache(device->path);
    return nullptr;
}

} // namespace thinsnap::service
