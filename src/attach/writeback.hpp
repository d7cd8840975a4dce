#pragma once

#include <string>
#include <vector>

namespace thinsnap::attach {

/// Marks the calling thread, and threads it starts from then on, as one through which the kernel
/// writes back (PR_SET_IO_FLUSHER): it is never made to wait for dirty pages that only it can
/// clean, and its allocations never start other writeback.
/// \return errno; 0 on success. EPERM without CAP_SYS_RESOURCE: the risk stays, nothing else
[[nodiscard]] int become_io_flusher() noexcept;

/// Puts the calling thread before ordinary programs, where that is permitted: each request waits
/// for one of our threads to be scheduled, so a container that keeps all processors busy would
/// slow down every disk. Does nothing to a thread that has more than that already.
void prefer_this_thread() noexcept;

/// Prepares this process for serving block devices under memory pressure; called once by its main
/// thread before others start: become_io_flusher(), and all memory, now and later, locked once it
/// has been touched.
/// Where an I/O flusher is not permitted, 48 MiB of heap are taken at once instead: a fault of a
/// serving thread could wait for the writeback that it serves (it does under a memory cgroup of
/// version 1). That makes it unlikely; a server that needs more heap still can.
/// \return one line for each step that was not permitted, for the log
[[nodiscard]] std::vector<std::string> protect_writeback();

} // namespace thinsnap::attach
