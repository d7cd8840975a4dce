#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace thinsnap::app {

/// A process that has a file open.
struct FileUser {
    pid_t pid = 0;
    std::string command; ///< its arguments, or its name when these cannot be read
};

/// The processes that hold an open-file-description lock on `path`, as far as /proc tells: those of
/// other users only to root. Where the kernel does not list locks by descriptor, all processes
/// that have the file open.
[[nodiscard]] std::vector<FileUser> find_lock_holders(const std::string& path);

/// The command line of a process, one line of printable text, cut at 120 characters; empty when
/// there is no such process.
[[nodiscard]] std::string command_of(pid_t pid);

/// The loop device ("/dev/loop3") whose backing file is `path`, under whatever name. Files on other
/// FUSE file systems than its own are not looked at: their server may not answer.
/// \param sys_block  the kernel's list of block devices
[[nodiscard]] std::optional<std::string>
find_loop_device(const std::string& path, const std::string& sys_block = "/sys/block");

} // namespace thinsnap::app
