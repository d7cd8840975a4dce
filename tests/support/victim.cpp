#include "support/victim.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace thinsnap::test {

namespace {

/// A Victim's life.
[[noreturn]] void
live(const std::function<std::string()>& work, const std::function<void()>& then, const Fd& to) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that is killed leaves nobody behind
    std::string line;
    try {
        line = work();
    } catch (const std::exception& error) {
        line = std::string("failed: ") + error.what();
    }
    line += '\n';
    static_cast<void>(!::write(to.get(), line.data(), line.size()));
    try {
        if (then)
            then();
    } catch (const std::exception&) { // what it was for has failed: the test sees that
    }
    for (;;)
        ::pause();
}

} // namespace

Victim::Victim(const std::function<std::string()>& work, const std::function<void()>& then) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "making a pipe");
    const Fd from(ends[0]);
    Fd to(ends[1]);
    pid_ = ::fork();
    if (pid_ < 0)
        throw std::system_error(errno, std::generic_category(), "starting a process");
    if (pid_ == 0)
        live(work, then, to);
    to.reset();
    for (char c = 0; ::read(from.get(), &c, 1) == 1 && c != '\n';)
        told_ += c;
}

void Victim::kill() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
}

// NOLINTNEXTLINE(readability-make-member-function-const) it ends the process
void Victim::kill_and_leave() {
    if (pid_ > 0)
        ::kill(pid_, SIGKILL);
}

bool Victim::is_gone(std::chrono::milliseconds within) {
    if (pid_ > 0 && becomes_true([&] { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; }, within))
        pid_ = -1;
    return pid_ < 0;
}

void make_temporary_files_in(const std::string& directory) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe) a process of its own, with one thread
    ::setenv("TMPDIR", directory.c_str(), 1);
}

bool can_write(const std::string& directory, std::chrono::milliseconds within) {
    const std::string path = directory + "/probe";
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ::_exit(fd >= 0 && ::write(fd, "x", 1) == 1 ? 0 : 1);
    }
    int status = -1;
    const bool ended =
        becomes_true([&] { return ::waitpid(child, &status, WNOHANG) == child; }, within);
    if (!ended) { // it ends when the file system is thawed
        ::kill(child, SIGKILL);
        std::thread([child] { ::waitpid(child, nullptr, 0); }).detach();
    }
    return ended && status == 0;
}

} // namespace thinsnap::test
