#include "attach/writeback.hpp"

#include <cerrno>
#include <system_error>

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace thinsnap::attach {

int become_io_flusher() noexcept {
    return ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == 0 ? 0 : errno;
}

void prefer_this_thread() noexcept {
    constexpr int kNice = -10;
    const auto self = static_cast<id_t>(::gettid());
    errno = 0;
    const int now = ::getpriority(PRIO_PROCESS, self);
    if (errno == 0 && now > kNice)
        ::setpriority(PRIO_PROCESS, self, kNice);
}

std::vector<std::string> protect_writeback() {
    std::vector<std::string> refused;
    const auto note = [&](int error, const char* step, const char* consequence) {
        if (error != 0)
            refused.push_back(fmt::format(
                "{}: {}; {}", step, std::generic_category().message(error), consequence));
    };
    note(become_io_flusher(),
         "marking this process as an I/O flusher (PR_SET_IO_FLUSHER)",
         "it may wait for memory that only it can clean; CAP_SYS_RESOURCE allows it");
    const int locked = ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? 0 : errno;
    note(locked,
         "locking memory (mlockall)",
         "it may be swapped out while it is needed to write back; CAP_IPC_LOCK allows it");
    return refused;
}

} // namespace thinsnap::attach
