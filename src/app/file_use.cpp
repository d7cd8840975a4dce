#include "app/file_use.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/mounts.hpp"
#include "base/fd.hpp"

namespace thinsnap::app {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxCommand = 120;
constexpr std::string_view kDeleted = " (deleted)"; // what the kernel puts behind a name

std::optional<struct stat> find_stat(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0)
        return std::nullopt;
    return st;
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// The text of a file of /proc or /sys, empty when it cannot be read.
std::string text_of(const std::string& path) {
    try {
        return read_text_file(path);
    } catch (const Error&) {
        return {}; // the process is gone, or is not ours to look at
    }
}

std::optional<pid_t> parse_pid(std::string_view text) {
    pid_t pid = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, pid);
    if (parsed.ec != std::errc{} || parsed.ptr != end)
        return std::nullopt;
    return pid;
}

/// The file behind one of a process's descriptors, as the kernel knows it: a file system whose
/// server has stopped is not asked.
std::optional<struct statx> find_open_file(const std::string& link) {
    struct statx file {};
    if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &file) != 0)
        return std::nullopt;
    return file;
}

bool same_file(const struct statx& a, const struct stat& b) {
    return makedev(a.stx_dev_major, a.stx_dev_minor) == b.st_dev && a.stx_ino == b.st_ino;
}

enum class Use { none, open, locked };

/// How a process uses the file. A descriptor's own lock is listed in its fdinfo.
Use use_of(const fs::path& process, const struct stat& file) {
    Use use = Use::none;
    std::error_code error;
    for (fs::directory_iterator it(process / "fd", error), end; !error && it != end;
         it.increment(error)) {
        const auto open = find_open_file(it->path().string());
        if (!open || !same_file(*open, file))
            continue;
        const std::string info = text_of((process / "fdinfo" / it->path().filename()).string());
        if (info.find("\nlock:") != std::string::npos)
            return Use::locked;
        use = Use::open;
    }
    return use;
}

} // namespace

std::string command_of(pid_t pid) {
    std::string text = text_of(fmt::format("/proc/{}/cmdline", pid));
    while (!text.empty() && text.back() == '\0')
        text.pop_back();
    if (text.empty())
        text = text_of(fmt::format("/proc/{}/comm", pid));
    std::ranges::replace(text, '\0', ' ');
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    if (text.size() > kMaxCommand)
        text = text.substr(0, kMaxCommand) + "...";
    return text;
}

std::vector<FileUser> find_lock_holders(const std::string& path) {
    const auto file = find_stat(path);
    if (!file)
        return {};
    std::vector<FileUser> locked;
    std::vector<FileUser> open;
    std::error_code error;
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const auto pid = parse_pid(it->path().filename().string());
        if (!pid)
            continue;
        const Use use = use_of(it->path(), *file);
        if (use == Use::locked)
            locked.push_back({*pid, command_of(*pid)});
        else if (use == Use::open && *pid != ::getpid())
            open.push_back({*pid, command_of(*pid)});
    }
    return locked.empty() ? open : locked;
}

namespace {

/// Whether the path lies in one of the directories, going by its text.
bool lies_in(std::string_view path, const std::vector<std::string>& directories) {
    return std::ranges::any_of(directories, [&](const std::string& directory) {
        return path.starts_with(directory) &&
               (directory == "/" || path.size() == directory.size() ||
                path[directory.size()] == '/');
    });
}

/// Where not to ask for a file: FUSE file systems, but for those that `path` itself lies on.
std::vector<std::string> unsafe_directories(const std::string& path) {
    std::vector<std::string> directories;
    try {
        for (attach::MountPlace& place : attach::read_mounts())
            if (place.file_system.starts_with("fuse"))
                directories.push_back(std::move(place.directory));
    } catch (const Error&) { // no /proc: nothing is known to be unsafe
        return {};
    }
    std::error_code error;
    const std::string real = fs::canonical(path, error).string();
    std::erase_if(directories,
                  [&](const std::string& directory) { return lies_in(real, {directory}); });
    return directories;
}

} // namespace

std::optional<std::string> find_loop_device(const std::string& path, const std::string& sys_block) {
    const auto file = find_stat(path);
    if (!file)
        return std::nullopt;
    const auto unsafe = unsafe_directories(path);
    std::error_code error;
    for (fs::directory_iterator it(sys_block, error), end; !error && it != end;
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!name.starts_with("loop"))
            continue;
        std::string backing = text_of((it->path() / "loop" / "backing_file").string());
        if (!backing.empty() && backing.back() == '\n')
            backing.pop_back();
        if (lies_in(backing, unsafe))
            continue;
        // A file that was removed under that name may still be there under another.
        auto used = find_stat(backing);
        if (!used && backing.ends_with(kDeleted))
            used = find_stat(backing.substr(0, backing.size() - kDeleted.size()));
        if (used && same_file(*used, *file))
            return "/dev/" + name;
    }
    return std::nullopt;
}

} // namespace thinsnap::app
