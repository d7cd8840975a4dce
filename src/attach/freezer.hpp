#pragma once

#include <chrono>

#include <sys/types.h>

#include "attach/mounts.hpp"
#include "base/fd.hpp"

namespace thinsnap::attach {

struct FreezeOptions {
    /// The file system that the pool's files lie on (st_dev): freezing that would stop the pool
    /// itself.
    dev_t pool_file_system = 0;
    /// After this the watchdog thaws, whatever this process is doing.
    std::chrono::milliseconds limit{10'000};
};

/// A mounted file system at rest: everything written is on its block device, its journal is empty,
/// and writers wait. For the moment of a snapshot; hold no lock that a writer or a flush needs.
///
/// A watchdog, a process of its own, thaws it when the limit has passed or this process has ended,
/// even killed. If both are killed at once the file system stays frozen until thaw_place() at
/// recovery.
/// Threads: one at a time; freeze different file systems as you like.
class FrozenFileSystem {
public:
    /// Cost: as long as writing back what is dirty takes.
    /// \throws Error(busy)          it is frozen already, by whomever
    /// \throws Error(precondition)  the pool lies on it; or something else is mounted there by now
    /// \throws Error(unsupported)   the file system cannot be frozen
    /// \throws SystemError
    FrozenFileSystem(const MountPlace& place, const FreezeOptions& options);
    /// Thaws if that was not done.
    ~FrozenFileSystem();
    FrozenFileSystem(const FrozenFileSystem&) = delete;
    FrozenFileSystem& operator=(const FrozenFileSystem&) = delete;

    /// \throws Error(busy)  the watchdog came first: what was done meanwhile saw a file system
    ///                      that was being written to
    void thaw();

private:
    [[nodiscard]] bool end() noexcept;

    std::string what_;
    Fd root_;     ///< the file system's
    Fd watchdog_; ///< our end of its socket
    pid_t pid_ = -1;
};

/// Thaws a file system that a crash left frozen. \return whether it was frozen
bool thaw_place(const MountPlace& place);

} // namespace thinsnap::attach
