#pragma once

#include <cstdint>

#include <sys/types.h>

namespace thinsnap::attach {

/// A process, told from another one that comes to have its number.
struct ProcessMark {
    pid_t pid = 0;
    std::uint64_t start = 0; ///< clock ticks after the boot
    friend bool operator==(const ProcessMark&, const ProcessMark&) = default;
};

/// No such process: a mark that is not alive.
[[nodiscard]] ProcessMark mark_of(pid_t pid);

/// Whether the process still runs, or hangs.
[[nodiscard]] bool is_alive(const ProcessMark& mark);

} // namespace thinsnap::attach
