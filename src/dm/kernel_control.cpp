#include "dm/kernel_control.hpp"

#include <array>
#include <cerrno>
#include <filesystem>

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <thinsnap/error.hpp>

#include "dm/task.hpp"
#include "io/file_device.hpp"

namespace thinsnap::dm {

namespace {

/// Since Linux 5.5 a pool's commit flushes the data first: before, mappings could outlive their
/// data. Source: Linux drivers/md/dm-thin.c, metadata_pre_commit_callback().
constexpr std::array<std::uint32_t, 2> kNeeded{1, 22};

class KernelControl final : public Control {
public:
    KernelControl();

    void create(const NewDevice& device) override;
    void load(const std::string& name, const Target& target, bool read_only) override;
    void unload(const std::string& name) override;
    void suspend(const std::string& name, Suspend how) override;
    void resume(const std::string& name) override;
    void remove(const std::string& name, Remove how) override;
    void message(const std::string& name, const std::string& text) override;
    [[nodiscard]] Target status(const std::string& name, StatusFlush flush) override;
    [[nodiscard]] Target table(const std::string& name) override;
    [[nodiscard]] std::optional<MappedDevice> find(const std::string& name) override;
    [[nodiscard]] std::vector<std::string> list(std::string_view prefix) override;
    [[nodiscard]] std::vector<std::string> take_warnings() override;
    [[nodiscard]] std::string path(const std::string& name) override;
    [[nodiscard]] std::unique_ptr<BlockDevice> open(const std::string& name,
                                                    bool read_only) override;
};

KernelControl::KernelControl() {
    const std::string target = "thin-pool";
    Task task(DM_DEVICE_GET_TARGET_VERSION, "asking for the kernel's target", target);
    try {
        task.run(); // loads the module
    } catch (const SystemError& error) {
        throw Error(Errc::unsupported,
                    fmt::format("this system's device-mapper has no thin-pool target ({}); the "
                                "embedded pool needs none: see `thinsnap pool create`",
                                error.what()));
    }
    const dm_versions* const version = ::dm_task_get_versions(task.get());
    if (version != nullptr &&
        (version->version[0] < kNeeded[0] ||
         (version->version[0] == kNeeded[0] && version->version[1] < kNeeded[1])))
        throw Error(Errc::unsupported,
                    fmt::format("this system's thin-pool target has version {}.{}, {}.{} is "
                                "needed; the embedded pool needs none: see `thinsnap pool create`",
                                version->version[0],
                                version->version[1],
                                kNeeded[0],
                                kNeeded[1]));
}

/// What a target line of a task says.
Target first_target(const Task& task, const std::string& name) {
    std::uint64_t start = 0;
    std::uint64_t length = 0;
    char* type = nullptr;
    char* parameters = nullptr;
    static_cast<void>(
        ::dm_get_next_target(task.get(), nullptr, &start, &length, &type, &parameters));
    if (type == nullptr)
        throw Error(Errc::precondition, fmt::format("the mapped device {} has no table", name));
    return {.bytes = length * kSector,
            .type = type,
            .parameters = parameters == nullptr ? std::string() : std::string(parameters)};
}

void KernelControl::create(const NewDevice& device) {
    Task task(DM_DEVICE_CREATE, "creating the mapped device", device.name);
    task.require(::dm_task_set_uuid(task.get(), ("THINSNAP-" + device.name).c_str()));
    task.add_target(device.target);
    if (device.read_only)
        task.require(::dm_task_set_ro(task.get()));
    task.require(::dm_task_set_add_node(task.get(), DM_ADD_NODE_ON_CREATE));
    task.run_with_node(device.is_private);
}

void KernelControl::load(const std::string& name, const Target& target, bool read_only) {
    Task task(DM_DEVICE_RELOAD, "loading a table for", name);
    task.add_target(target);
    if (read_only)
        task.require(::dm_task_set_ro(task.get()));
    task.run();
}

void KernelControl::unload(const std::string& name) {
    Task(DM_DEVICE_CLEAR, "unloading a table of", name).run();
}

void KernelControl::suspend(const std::string& name, Suspend how) {
    Task task(DM_DEVICE_SUSPEND, "suspending", name);
    if (how == Suspend::no_flush || how == Suspend::at_once)
        task.require(::dm_task_no_flush(task.get()));
    if (how == Suspend::no_freeze || how == Suspend::at_once)
        task.require(::dm_task_skip_lockfs(task.get()));
    task.run();
}

void KernelControl::resume(const std::string& name) {
    Task task(DM_DEVICE_RESUME, "resuming", name);
    task.require(::dm_task_set_add_node(task.get(), DM_ADD_NODE_ON_CREATE));
    task.run_with_node(false);
}

void KernelControl::remove(const std::string& name, Remove how) {
    Task task(DM_DEVICE_REMOVE, "removing the mapped device", name);
    task.require(how == Remove::now ? ::dm_task_retry_remove(task.get())
                                    : ::dm_task_deferred_remove(task.get()));
    task.run_with_node(false);
}

void KernelControl::message(const std::string& name, const std::string& text) {
    Task task(DM_DEVICE_TARGET_MSG, fmt::format("'{}' to", text), name);
    task.require(::dm_task_set_sector(task.get(), 0));
    task.require(::dm_task_set_message(task.get(), text.c_str()));
    task.run();
}

Target KernelControl::status(const std::string& name, StatusFlush flush) {
    Task task(DM_DEVICE_STATUS, "asking for the status of", name);
    if (flush == StatusFlush::no)
        task.require(::dm_task_no_flush(task.get()));
    task.run();
    return first_target(task, name);
}

Target KernelControl::table(const std::string& name) {
    Task task(DM_DEVICE_TABLE, "asking for the table of", name);
    task.run();
    return first_target(task, name);
}

std::optional<MappedDevice> KernelControl::find(const std::string& name) {
    Task task(DM_DEVICE_INFO, "looking for", name);
    dm_info info{};
    task.run();
    task.require(::dm_task_get_info(task.get(), &info));
    if (info.exists == 0)
        return std::nullopt;
    return MappedDevice{.device = makedev(info.major, info.minor),
                        .suspended = info.suspended != 0,
                        .read_only = info.read_only != 0,
                        .leaving = info.deferred_remove != 0,
                        .open_count = static_cast<std::uint32_t>(info.open_count)};
}

std::vector<std::string> KernelControl::list(std::string_view prefix) {
    Task task(DM_DEVICE_LIST, "listing the mapped devices", {});
    task.run();
    std::vector<std::string> found;
    const dm_names* entry = ::dm_task_get_names(task.get());
    if (entry == nullptr || entry->dev == 0) // none at all
        return found;
    while (true) {
        const std::string_view name = entry->name;
        if (name.starts_with(prefix))
            found.emplace_back(name);
        if (entry->next == 0)
            return found;
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the kernel's list
        const auto* const bytes = reinterpret_cast<const char*>(entry) + entry->next;
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the kernel's list
        entry = reinterpret_cast<const dm_names*>(bytes);
    }
}

std::vector<std::string> KernelControl::take_warnings() {
    std::vector<std::string> warnings;
    if (auto warning = Task::take_warning())
        warnings.push_back(*std::move(warning));
    return warnings;
}

std::string KernelControl::path(const std::string& name) {
    return fmt::format("{}/{}", ::dm_dir(), name);
}

std::unique_ptr<BlockDevice> KernelControl::open(const std::string& name, bool read_only) {
    return std::make_unique<io::FileDevice>(
        path(name), io::FileDeviceOptions{.read_only = read_only, .exclusive = false});
}

} // namespace

std::unique_ptr<Control> open_kernel_control() {
    return std::make_unique<KernelControl>();
}

} // namespace thinsnap::dm
