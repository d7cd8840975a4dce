#include "attach/freezer.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/child_process.hpp"

namespace thinsnap::attach {

namespace {

// What this process tells the watchdog. If the socket ends without kThawed, it is dead.
constexpr char kFrozen = 'f';
constexpr char kThawed = 't';

Fd open_root(const MountPlace& place) {
    Fd root = open_file(reachable_path(place), O_RDONLY | O_DIRECTORY);
    struct stat st {};
    if (::fstat(root.get(), &st) != 0)
        throw SystemError(errno, fmt::format("looking at {}", place.directory));
    if (st.st_dev != place.device)
        throw Error(Errc::precondition,
                    fmt::format("{} is not mounted on {} any more", place.source, place.directory));
    return root;
}

/// The watchdog's life. System calls only: it is a fork of a process with threads.
int watch(int root, int socket, int limit_ms) noexcept {
    ::prctl(PR_SET_NAME, "thinsnap-thaw", 0, 0, 0);
    int timeout = -1; // until it is frozen, only the other's death matters
    for (;;) {
        pollfd wait{socket, POLLIN, 0};
        const int ready = ::poll(&wait, 1, timeout);
        if (ready < 0 && errno == EINTR)
            continue;
        char told = 0;
        const ssize_t size = ready > 0 ? ::read(socket, &told, 1) : 0;
        if (size == 1 && told == kThawed)
            return 0;
        if (size == 1 && told == kFrozen) {
            timeout = limit_ms;
            continue;
        }
        ::ioctl(root, FITHAW, 0);
        return 1;
    }
}

void tell(const Fd& socket, char what) noexcept {
    // A watchdog that has gone has done its work.
    static_cast<void>(::send(socket.get(), &what, 1, MSG_NOSIGNAL));
}

} // namespace

FrozenFileSystem::FrozenFileSystem(const MountPlace& place, const FreezeOptions& options)
    : what_(fmt::format("{} on {}", place.source, reachable_path(place))) {
    if (options.pool_file_system == place.device)
        throw Error(
            Errc::precondition,
            fmt::format("freezing {}: the pool itself lies on it; unmount it first", what_));
    root_ = open_root(place);
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
        throw SystemError(errno, "making a socket");
    watchdog_ = Fd(pair[0]);
    const Fd theirs(pair[1]);
    // Writers wait from the moment the freezing begins, and until then nobody can thaw: what is
    // dirty now is written before. A failure shows in the freezing.
    static_cast<void>(::syncfs(root_.get()));
    const int limit = static_cast<int>(options.limit.count());
    pid_ = fork_child([&] { return watch(root_.get(), theirs.get(), limit); },
                      {root_.get(), theirs.get()});
    if (::ioctl(root_.get(), FIFREEZE, 0) != 0) {
        const int error = errno;
        tell(watchdog_, kThawed);
        wait_for_child(std::exchange(pid_, -1));
        throw SystemError(error, fmt::format("freezing {}", what_));
    }
    tell(watchdog_, kFrozen);
}

FrozenFileSystem::~FrozenFileSystem() {
    static_cast<void>(end());
}

bool FrozenFileSystem::end() noexcept {
    if (pid_ < 0)
        return true;
    // In this order: a kill in between leaves it thawed. If the watchdog was faster, there is
    // nothing left to thaw here.
    const bool thawed = ::ioctl(root_.get(), FITHAW, 0) == 0;
    tell(watchdog_, kThawed);
    try {
        wait_for_child(std::exchange(pid_, -1));
    } catch (const Error&) { // NOLINT(bugprone-empty-catch) somebody else has waited for it
    }
    root_.reset(); // it may be unmounted now
    return thawed;
}

void FrozenFileSystem::thaw() {
    if (!end())
        throw Error(Errc::busy,
                    fmt::format("{} took too long while frozen and was thawed by the watchdog; try "
                                "again when there is less to do",
                                what_));
}

bool thaw_place(const MountPlace& place) {
    const Fd root = open_root(place);
    if (::ioctl(root.get(), FITHAW, 0) == 0)
        return true;
    if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOTTY)
        return false; // it was not frozen
    throw SystemError(errno, fmt::format("thawing {}", reachable_path(place)));
}

} // namespace thinsnap::attach
