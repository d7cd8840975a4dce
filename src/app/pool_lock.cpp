#include "app/pool_lock.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/file_use.hpp"
#include "app/interrupt.hpp"

namespace thinsnap::app {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{200};

/// Who holds it, for the error: "process 12 (thinsnap device write 1)".
std::string describe_holders(const std::string& path) {
    std::string text;
    for (const FileUser& user : find_lock_holders(path))
        text += fmt::format("{}process {} ({})", text.empty() ? "" : ", ", user.pid, user.command);
    if (!text.empty())
        return text;
    try { // /proc is not there or shows only our own processes
        text = read_text_file(path);
    } catch (const Error&) {
        text.clear();
    }
    text = text.substr(0, text.find('\n'));
    return text.empty() ? "a process that cannot be seen from here" : "process " + text;
}

} // namespace

PoolLock::PoolLock(std::string path,
                   Access access,
                   milliseconds timeout,
                   const std::function<void()>& while_waiting)
    : path_(std::move(path))
    , access_(access) {
    const auto deadline = Clock::now() + timeout;
    milliseconds pause = kFirstPause;
    while (!open_and_try()) {
        if (while_waiting)
            while_waiting();
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (left <= milliseconds{0})
            throw Error(Errc::busy,
                        fmt::format("locking {}: in use by {}, waited {:.1f} s",
                                    path_,
                                    describe_holders(path_),
                                    static_cast<double>(timeout.count()) / 1000));
        interruptible_sleep(std::min(pause, left));
        pause = std::min(pause * 2, kLongestPause);
    }
    if (access_ == Access::exclusive)
        write_owner();
}

PoolLock::~PoolLock() {
    if (access_ == Access::exclusive && fd_.is_open()) [[maybe_unused]]
        const int ignored = ::ftruncate(fd_.get(), 0); // only for people to read
}

/// One attempt. \return whether the lock is held, or is not needed
bool PoolLock::open_and_try() {
    if (!fd_.is_open()) {
        // Locking for reading needs no more than the right to read.
        const int flags = (access_ == Access::exclusive ? O_RDWR : O_RDONLY) | O_CLOEXEC;
        int fd = ::open(path_.c_str(), flags);
        if (fd < 0 && errno == ENOENT) {
            fd = ::open(path_.c_str(), flags | O_CREAT | O_EXCL, 0600);
            if (fd < 0 && errno == EEXIST)
                return false; // somebody else made it just now
            if (fd < 0 && errno == EROFS && access_ == Access::shared)
                return true;
            created_ = fd >= 0;
        }
        if (fd < 0)
            throw SystemError(errno, fmt::format("opening {}", path_));
        fd_ = Fd(fd);
    }
    struct flock wanted {};
    wanted.l_type = access_ == Access::exclusive ? F_WRLCK : F_RDLCK;
    wanted.l_whence = SEEK_SET;
    if (::fcntl(fd_.get(), F_OFD_SETLK, &wanted) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            return false;
        throw SystemError(errno, fmt::format("locking {}", path_));
    }
    // A lock on a file that was removed meanwhile (a creation that failed) protects nothing.
    struct stat named {};
    struct stat held {};
    if (::stat(path_.c_str(), &named) == 0 && ::fstat(fd_.get(), &held) == 0 &&
        named.st_dev == held.st_dev && named.st_ino == held.st_ino)
        return true;
    fd_.reset();
    return false;
}

void PoolLock::write_owner() const {
    const std::string text = fmt::format("{} ({})\n", ::getpid(), command_of(::getpid()));
    // No room for it on a full disk: /proc still tells who holds the lock.
    if (::ftruncate(fd_.get(), 0) == 0) [[maybe_unused]]
        const ssize_t n = ::pwrite(fd_.get(), text.data(), text.size(), 0);
}

} // namespace thinsnap::app
