#include "attach/child_process.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

namespace {

/// \param keep  ascending
void close_all_but(std::span<const int> keep) {
    unsigned from = 0;
    for (const int fd : keep) {
        const auto number = static_cast<unsigned>(fd);
        if (number > from)
            ::close_range(from, number - 1, 0);
        from = number + 1;
    }
    ::close_range(from, UINT_MAX, 0);
}

} // namespace

pid_t fork_child(const std::function<int()>& work, std::vector<int> keep) {
    std::ranges::sort(keep);
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before); // no handler of ours runs in the child
    const pid_t child = ::fork();
    if (child == 0) {
        close_all_but(keep);
        ::setsid(); // ^C at the terminal is not meant for it
        ::_exit(work());
    }
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (child < 0)
        throw SystemError(error, "starting a child process");
    return child;
}

int wait_for_child(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            throw SystemError(errno, "waiting for a child process");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_in_child(const std::function<int()>& work, std::vector<int> keep) {
    return wait_for_child(fork_child(work, std::move(keep)));
}

} // namespace thinsnap::attach
