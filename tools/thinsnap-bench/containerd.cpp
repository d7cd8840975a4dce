#include "containerd.hpp"

#include <chrono>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

namespace {

fs::path write_configuration(const fs::path& directory) {
    fs::create_directories(directory);
    const fs::path path = directory / "config.toml";
    const std::string place = directory.string();
    replace_text_file(path.string(),
                      fmt::format("version = 2\n"
                                  "root = \"{0}/root\"\n"
                                  "state = \"{0}/state\"\n"
                                  "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"
                                  "[grpc]\n"
                                  "address = \"{0}/socket\"\n",
                                  place));
    return path;
}

} // namespace

Containerd::Containerd(const fs::path& directory, const fs::path& configuration)
    : directory_(directory)
    , daemon_({"containerd", "--config", configuration.string(), "--log-level", "error"}) {}

Command Containerd::ctr(const Command& arguments) const {
    Command command{"ctr", "--address", (directory_ / "socket").string(), "--namespace", "bench"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

std::string Containerd::plugins() const {
    try {
        return output_of(ctr({"plugins", "ls"}));
    } catch (const std::runtime_error&) {
        return {}; // it does not listen yet
    }
}

namespace {

/// Whether a line of `ctr plugins ls` says so.
bool has_overlayfs(const std::string& plugins) {
    std::istringstream lines(plugins);
    for (std::string line; std::getline(lines, line);)
        if (line.find(" overlayfs ") != std::string::npos)
            return line.find(" ok") != std::string::npos;
    return false;
}

} // namespace

std::unique_ptr<Containerd> Containerd::start(const fs::path& directory, std::string& why) {
    constexpr int kAttempts = 100;
    for (const char* program : {"containerd", "ctr"})
        if (!have_program(program)) {
            why = fmt::format("{} is not installed", program);
            return nullptr;
        }
    if (::geteuid() != 0) {
        why = "containerd needs root";
        return nullptr;
    }
    std::unique_ptr<Containerd> started(new Containerd(directory, write_configuration(directory)));
    std::string plugins;
    for (int attempt = 0; attempt < kAttempts && plugins.empty(); ++attempt) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        plugins = started->plugins();
    }
    if (has_overlayfs(plugins))
        return started;
    why = plugins.empty() ? "containerd does not start here"
                          : "containerd has no overlayfs snapshotter here";
    return nullptr;
}

} // namespace thinsnap::bench
