#include "attach/writeback.hpp"

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>

#include <fmt/core.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace thinsnap::attach {

int become_io_flusher() noexcept {
    return ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == 0 ? 0 : errno;
}

void prefer_this_thread() noexcept {
    constexpr int wanted = -10;
    const auto self = static_cast<id_t>(::gettid());
    errno = 0;
    const int now = ::getpriority(PRIO_PROCESS, self);
    if (errno == 0 && now > wanted)
        ::setpriority(PRIO_PROCESS, self, wanted);
}

namespace {

constexpr std::size_t kHeapReserve = std::size_t{48} << 20U;
constexpr std::size_t kPage = 4096;

/// Gives each page of heap, stack and data a place of its own. Not of what has no name, which may
/// be larger than the machine: a sanitizer's shadow.
void populate_private_memory() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        char dash = 0;
        std::string access;
        std::string skipped;
        std::string name;
        std::istringstream fields(line);
        fields >> std::hex >> begin >> dash >> end >> access;
        fields >> skipped >> skipped >> skipped >> name; // offset, device, inode
        const bool is_known = name == "[heap]" || name == "[stack]" || name.starts_with('/');
        if (access == "rw-p" && is_known && end - begin <= 2 * kHeapReserve)
            // A kernel before 5.14 does not know the request: then it is as before.
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast,
            // performance-no-int-to-ptr)
            ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
    }
}

/// Makes the heap one piece that is there already, of which nothing is given back: a request then
/// has its memory without asking the kernel. One arena for all threads, else each gets a heap of
/// its own that is not.
void reserve_heap() {
    // NOLINTBEGIN(concurrency-mt-unsafe) there is one thread still
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_MMAP_MAX, 0);
    ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
    // NOLINTEND(concurrency-mt-unsafe)
    void* const reserve = std::malloc(kHeapReserve);
    if (reserve == nullptr)
        return;
    // Large pages are there in a third of the time. Where there are none it is as before.
    void* pages = reserve;
    std::size_t length = kHeapReserve;
    if (std::align(kPage, kPage, pages, length) != nullptr)
        ::madvise(pages, length, MADV_HUGEPAGE);
    populate_private_memory();
    std::free(reserve);
}

} // namespace

std::vector<std::string> protect_writeback() {
    std::vector<std::string> refused;
    const auto note = [&](int error, const char* step, const char* consequence) {
        if (error != 0)
            refused.push_back(fmt::format(
                "{}: {}; {}", step, std::generic_category().message(error), consequence));
    };
    const int flusher = become_io_flusher();
    if (flusher != 0)
        reserve_heap();
    note(flusher,
         "marking this process as an I/O flusher (PR_SET_IO_FLUSHER)",
         "it may wait for memory that only it can clean; CAP_SYS_RESOURCE allows it");
    const int locked = ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? 0 : errno;
    note(locked,
         "locking memory (mlockall)",
         "it may be swapped out while it is needed to write back; CAP_IPC_LOCK allows it");
    return refused;
}

} // namespace thinsnap::attach
