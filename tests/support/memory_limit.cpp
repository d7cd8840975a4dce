#include "support/memory_limit.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/mounts.hpp"
#include "base/fd.hpp"

namespace thinsnap::test {

namespace fs = std::filesystem;

namespace {

/// Where a new cgroup goes, and what its files are called.
struct Hierarchy {
    int version;
    std::string parent;
    const char* limit_file;
    const char* usage_file;
};

/// This process's own group in the hierarchy of a /proc/self/cgroup line such as "4:memory:/x".
std::string own_group(const std::string& controller) {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (second != std::string::npos && line.substr(first + 1, second - first - 1) == controller)
            return line.substr(second + 1);
    }
    return "/";
}

void write_file(const std::string& path, const std::string& text) {
    const Fd file = open_file(path, O_WRONLY);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw SystemError(errno, fmt::format("writing '{}' to {}", text, path));
}

bool has_word(const std::string& file, const std::string& word) {
    std::ifstream words(file);
    for (std::string one; words >> one;)
        if (one == word)
            return true;
    return false;
}

std::optional<Hierarchy> find_hierarchy() {
    for (const attach::MountPlace& mount : attach::read_mounts()) {
        const std::string& top = mount.directory;
        if (mount.file_system == "cgroup" && fs::exists(top + "/memory.limit_in_bytes")) {
            const std::string own = top + own_group("memory");
            return Hierarchy{
                1, fs::exists(own) ? own : top, "memory.limit_in_bytes", "memory.usage_in_bytes"};
        }
        if (mount.file_system == "cgroup2" && has_word(top + "/cgroup.controllers", "memory") &&
            has_word(top + "/cgroup.subtree_control", "memory"))
            return Hierarchy{2, top, "memory.max", "memory.current"};
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> MemoryLimit::why_not() {
    if (!find_hierarchy())
        return "there is no memory cgroup, neither of version 1 nor 2";
    try {
        const MemoryLimit limit(64U << 20U);
        return std::nullopt;
    } catch (const Error& error) {
        return std::string("a memory cgroup cannot be made here: ") + error.what();
    }
}

bool MemoryLimit::waits_for_writeback() {
    const auto hierarchy = find_hierarchy();
    return hierarchy && hierarchy->version == 1;
}

MemoryLimit::MemoryLimit(std::uint64_t bytes) {
    const auto hierarchy = find_hierarchy();
    if (!hierarchy)
        throw SystemError(ENOENT, "looking for a memory cgroup");
    path_ = fmt::format("{}/thinsnap-test-{}", hierarchy->parent, ::getpid());
    usage_file_ = fmt::format("{}/{}", path_, hierarchy->usage_file);
    std::error_code error;
    fs::create_directory(path_, error);
    if (error)
        throw SystemError(error.value(), fmt::format("making the cgroup {}", path_));
    try {
        write_file(fmt::format("{}/{}", path_, hierarchy->limit_file), std::to_string(bytes));
    } catch (...) {
        fs::remove(path_, error);
        throw;
    }
}

MemoryLimit::~MemoryLimit() {
    std::error_code error;
    for (int i = 0; i < 300; ++i) { // a killed process takes a moment
        std::ifstream members(path_ + "/cgroup.procs");
        for (pid_t pid = 0; members >> pid;)
            ::kill(pid, SIGKILL);
        if (fs::remove(path_, error))
            return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void MemoryLimit::enter() const {
    write_file(path_ + "/cgroup.procs", std::to_string(::getpid()));
}

std::uint64_t MemoryLimit::usage() const {
    std::ifstream file(usage_file_);
    std::uint64_t bytes = 0;
    file >> bytes;
    return bytes;
}

} // namespace thinsnap::test
