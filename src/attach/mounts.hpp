#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

namespace thinsnap::attach {

/// One place where a file system is mounted.
struct MountPlace {
    dev_t device = 0;        ///< of the file system, as stat() gives it
    std::string source;      ///< "/dev/loop3", "thinsnap"
    std::string directory;   ///< as the namespace's processes see it
    std::string file_system; ///< "ext4"
    std::string root;        ///< what of the file system is seen there: "/", else a bind mount
    bool read_only = false;
    /// 0 in the calling process's mount namespace; else a process in the namespace, so that
    /// /proc/PID/root/DIRECTORY is the place.
    pid_t pid = 0;
};

/// A name for the place that this process can open: `directory`, or that below /proc/PID/root.
[[nodiscard]] std::string reachable_path(const MountPlace& place);

/// The mount table of the calling process's namespace, or of another process's, in mounting order.
/// \param path  a table in the format of /proc/PID/mountinfo
/// \throws SystemError; Error(corrupt)  it is not in that format
[[nodiscard]] std::vector<MountPlace> read_mounts(const std::string& path = "/proc/self/mountinfo");

/// Where the file system on a block device is mounted, in this and every other mount namespace
/// that a process lives in; only root sees other users' namespaces. Each namespace is looked at
/// once.
[[nodiscard]] std::vector<MountPlace> find_mounts(dev_t device);
[[nodiscard]] std::vector<MountPlace> find_mounts(const std::set<dev_t>& devices);

/// Mounts the ext4 file system on a block device through libmount, which keeps `_netdev` in its
/// table: systemd then unmounts it before it stops what serves the device.
/// \throws Error(busy)       something is mounted there that forbids it, or the device is in use
/// \throws Error(not_found)  there is no such directory
/// \throws Error(io)         the kernel refuses; with its words and where to read more
void mount_ext4(const std::string& device, const std::string& directory, bool read_only);

enum class Unmount {
    now,  ///< refused while something there is open
    lazy, ///< gone from the tree at once, from the kernel when the last user goes
};

/// Unmounts what is mounted last on a directory of this namespace. Neither resolves symbolic links
/// in its last part nor asks the file system, so one whose device is dead is no obstacle.
/// \throws Error(busy)              see Unmount::now
/// \throws Error(invalid_argument)  nothing is mounted there
void unmount(const std::string& directory, Unmount how);

/// Unmounts a place of any namespace lazily. Nothing mounted there (any more) is no failure.
/// \throws SystemError
void unmount_lazily(const MountPlace& place);

} // namespace thinsnap::attach
