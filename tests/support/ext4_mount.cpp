#include "support/ext4_mount.hpp"

#include <sstream>
#include <stdexcept>
#include <utility>

#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

bool holds(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

} // namespace

std::optional<Mount>
Mount::try_mount(const ImageFile& image, std::string& why, const std::string& options) {
    for (const char* tool : {"losetup", "mount", "umount"})
        if (!have_tool(tool)) {
            why = std::string(tool) + " is not installed";
            return std::nullopt;
        }
    const ToolRun loop = run_tool({"losetup", "--find", "--show", image.path()});
    if (loop.status != 0) {
        why = "loop devices cannot be set up here: " + first_line(loop.errors);
        return std::nullopt;
    }
    Mount mount(std::make_unique<TempDir>(), first_line(loop.output));
    std::filesystem::create_directory(mount.path());
    const ToolRun run =
        run_tool({"mount", "-t", "ext4", "-o", options, mount.device_, mount.path()});
    if (run.status != 0) {
        why = "mounting is not permitted here: " + first_line(run.errors);
        return std::nullopt;
    }
    mount.mounted_ = true;
    return mount;
}

Mount::Mount(Mount&& other) noexcept
    : directory_(std::move(other.directory_))
    , device_(std::exchange(other.device_, {}))
    , mounted_(std::exchange(other.mounted_, false)) {}

Mount::~Mount() {
    try {
        if (mounted_)
            (void)run_tool({"umount", "--lazy", path()});
        if (!device_.empty())
            (void)run_tool({"losetup", "--detach", device_});
    } catch (const std::exception&) { // nothing more can be done
    }
}

void Mount::unmount() {
    const ToolRun run = run_tool({"umount", path()});
    if (run.status != 0)
        throw std::runtime_error("umount: " + run.errors);
    mounted_ = false;
    (void)run_tool({"losetup", "--detach", std::exchange(device_, {})});
}

std::string kernel_complaints(const std::string& device) {
    const std::string name = "(" + device.substr(device.rfind('/') + 1) + ")";
    std::istringstream log(run_tool({"dmesg"}).output);
    std::string complaints;
    for (std::string line; std::getline(log, line);) {
        if (!holds(line, "EXT4-fs") || !holds(line, name.c_str()))
            continue;
        if (holds(line, "mounted filesystem"))
            complaints.clear(); // what came before belongs to another mount
        else if (!holds(line, "unmounting filesystem") && !holds(line, "re-mounted"))
            complaints += line + '\n';
    }
    return complaints;
}

} // namespace thinsnap::test
