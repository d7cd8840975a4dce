#pragma once

#include <string>
#include <vector>

namespace thinsnap::bench {

/// What fio does to a device.
struct FioJob {
    std::string access;   ///< "randread", "randwrite", "read" or "write"
    std::string block;    ///< "4k"
    unsigned depth = 1;   ///< requests under way at a time
    bool durable = false; ///< fdatasync after each write
    double seconds = 1;
};

/// Runs the job on all devices at the same time, a process for each, with O_DIRECT.
/// \return operations per second, of all devices together; a write with its fdatasync is one
/// \throws as Program
[[nodiscard]] double run_fio(const std::vector<std::string>& devices, const FioJob& job);

} // namespace thinsnap::bench
