#include "support/attach_harness.hpp"

#include <filesystem>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/mounts.hpp"
#include "attach/recovery.hpp"

#include "support/tool.hpp"

namespace thinsnap::test {

namespace fs = std::filesystem;

namespace {

std::optional<std::string> try_attach() {
    if (::geteuid() != 0)
        return "block devices need root";
    for (const char* tool : {"mkfs.ext4", "e2fsck"})
        if (!have_tool(tool))
            return std::string(tool) + " is not installed";
    try {
        AttachHarness harness;
        harness.make_active(1, 1U << 20U);
        return std::nullopt;
    } catch (const Error& error) {
        return std::string("FUSE or loop devices cannot be used here: ") + error.what();
    }
}

std::size_t entries_of(const fs::path& directory) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

} // namespace

const std::optional<std::string>& why_no_attach() {
    static const std::optional<std::string> why = try_attach();
    return why;
}

const char* AttachHarness::uuid() {
    return "6f1f9a3c-0000-4000-8000-000000000001";
}

AttachHarness::AttachHarness(const PoolShape& shape, std::string runtime_base)
    : runtime_base_(runtime_base.empty() ? (temp_ / "run").string() : std::move(runtime_base))
    , own_(std::make_unique<EmbeddedPoolHarness<4096>>(shape))
    , pool_(own_->pool())
    , activator_(std::make_unique<attach::EmbeddedActivator>(pool_, directory())) {}

AttachHarness::AttachHarness(ThinPool& pool, std::string runtime_base)
    : runtime_base_(runtime_base.empty() ? (temp_ / "run").string() : std::move(runtime_base))
    , pool_(pool)
    , activator_(std::make_unique<attach::EmbeddedActivator>(pool_, directory())) {}

AttachHarness::~AttachHarness() {
    try {
        activator_.reset();
        const auto left = attach::clean_up(directory());
    } catch (const std::exception&) { // nothing more can be done
    }
}

attach::RuntimeDirectory AttachHarness::directory() const {
    return {runtime_base(), uuid()};
}

void AttachHarness::grow_pool(std::uint64_t data_chunks) {
    const std::uint64_t bytes = data_chunks * own_->shape().chunk_size;
    own_->enlarge_data(bytes);
    pool().grow_data(bytes);
}

void AttachHarness::create(std::uint32_t id) {
    const std::vector<PoolOperation> batch{CreateThin{DeviceId(id)}};
    const auto now = pool().status().transaction_id;
    pool().apply(batch, now, now + 1);
}

void AttachHarness::snapshot(std::uint32_t id, std::uint32_t origin) {
    const std::vector<PoolOperation> batch{CreateSnapshot{DeviceId(id), DeviceId(origin)}};
    const auto now = pool().status().transaction_id;
    pool().apply(batch, now, now + 1);
}

attach::ActiveDevice AttachHarness::activate(std::uint32_t id, std::uint64_t size, bool read_only) {
    return activator_->activate({.id = DeviceId(id),
                                 .name = "device " + std::to_string(id),
                                 .size = size,
                                 .read_only = read_only});
}

attach::ActiveDevice AttachHarness::make_active(std::uint32_t id, std::uint64_t size) {
    create(id);
    return activate(id, size);
}

void AttachHarness::make_file_system(const attach::ActiveDevice& device) {
    const ToolRun run = run_tool({"mkfs.ext4", "-q", "-E", "lazy_itable_init=0", device.path});
    if (run.status != 0)
        throw std::runtime_error("mkfs.ext4: " + run.errors);
}

std::string AttachHarness::make_directory(const std::string& name) {
    const fs::path path = temp_ / name;
    fs::create_directory(path);
    return path;
}

MountedDevice::MountedDevice(const attach::ActiveDevice& device,
                             std::string directory,
                             bool read_only)
    : device_(device.device)
    , directory_(std::move(directory)) {
    attach::mount_ext4(device.path, directory_, read_only);
}

MountedDevice::~MountedDevice() {
    Fd root(::open(directory_.c_str(), O_RDONLY | O_CLOEXEC));
    ::ioctl(root.get(), FITHAW, 0); // a frozen one would stay for ever
    root.reset();
    ::umount2(directory_.c_str(), MNT_DETACH);
}

attach::MountPlace MountedDevice::place() const {
    return attach::find_mounts(device_).at(0);
}

void MountedDevice::unmount() const {
    attach::unmount(directory_, attach::Unmount::now);
}

Resources count_resources(const std::string& below) {
    Resources resources{.descriptors = entries_of("/proc/self/fd"),
                        .threads = entries_of("/proc/self/task")};
    for (const auto& loop : attach::list_loops())
        resources.loops += loop.backing_file.starts_with(below) ? 1U : 0U;
    for (const auto& mount : attach::read_mounts())
        resources.mounts += mount.directory.starts_with(below) ? 1U : 0U;
    return resources;
}

} // namespace thinsnap::test
