#pragma once

#include <functional>
#include <span>
#include <vector>

#include <sys/types.h>

namespace thinsnap::attach {

/// Forks a child that holds no descriptor but `keep`, catches no signal's handler of ours, and is
/// in a session of its own; runs `work` there and exits with what it returns.
///
/// A child with a copy of /dev/fuse would keep the mount alive when its server dies, and everybody
/// who uses it would hang. `work` runs in a copy of a process with threads: system calls only, no
/// memory is allocated, no lock taken.
/// \throws SystemError  there cannot be another process
[[nodiscard]] pid_t fork_child(const std::function<int()>& work, std::vector<int> keep);

/// Waits for a child of fork_child(). \return its exit status; 128 plus the signal that ended it
int wait_for_child(pid_t child);

/// Both at once, for work that does not take long.
[[nodiscard]] int run_in_child(const std::function<int()>& work, std::vector<int> keep);

} // namespace thinsnap::attach
