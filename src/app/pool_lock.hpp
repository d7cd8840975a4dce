#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/fd.hpp"

namespace thinsnap::app {

enum class Access {
    shared,    ///< reads only; others may read at the same time
    exclusive, ///< may change the pool
};

/// The owner lock of a pool: one process may change it, or several may read it.
///
/// An open-file-description lock on the pool's lock file. The kernel gives it up when the process
/// ends, however it ends; the file itself stays, and removing it while a pool is in use defeats
/// the lock. The exclusive holder writes its pid and command into the file, for people to read.
///
/// Threads: one at a time. Two PoolLocks of one process exclude each other like any two.
class PoolLock {
public:
    static constexpr std::chrono::milliseconds kDefaultTimeout{10000};

    /// Waits until the lock is free, at most `timeout` (0: tries once). The file is made if it is
    /// not there. On a file system that is mounted read-only a missing file is no obstacle to
    /// shared access: nobody can change the pool.
    /// \throws Error(busy)       held by somebody else after the timeout; pid and command of the
    ///                           holders in the text
    /// \throws Interrupted       a signal came while waiting
    /// \throws SystemError       the file cannot be opened, or cannot be locked
    /// \param while_waiting  called now and then; what it throws ends the wait
    PoolLock(std::string path,
             Access access,
             std::chrono::milliseconds timeout,
             const std::function<void()>& while_waiting = {});
    PoolLock(const PoolLock&) = delete;
    PoolLock& operator=(const PoolLock&) = delete;
    ~PoolLock();

    /// Whether the lock file was made by this call.
    [[nodiscard]] bool has_created_file() const noexcept { return created_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    [[nodiscard]] bool open_and_try();
    void write_owner() const;

    std::string path_;
    Access access_;
    Fd fd_;
    bool created_ = false;
};

} // namespace thinsnap::app
