#include "background.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "service/exit_status.hpp"

namespace thinsnap::tools {

namespace {

void say(int fd, std::string_view text) noexcept {
    [[maybe_unused]] const ssize_t n = ::write(fd, text.data(), text.size());
}

/// Ends this process as the server says: a byte with the status, then a message.
[[noreturn]] void wait_for_report(int pipe) {
    std::string said;
    std::array<char, 512> part{};
    ssize_t size = 0;
    while ((size = ::read(pipe, part.data(), part.size())) > 0 || (size < 0 && errno == EINTR))
        if (size > 0)
            said.append(part.data(), static_cast<std::size_t>(size));
    if (said.empty()) {
        say(STDERR_FILENO, "thinsnapd: it ended before it could serve; see its log\n");
        ::_exit(service::kExitInternal);
    }
    if (said.size() > 1)
        say(STDERR_FILENO, "thinsnapd: " + said.substr(1) + "\n");
    ::_exit(static_cast<unsigned char>(said.front()));
}

} // namespace

Background Background::enter() {
    // A caller's lock files, pipes and sockets would stay open as long as we live.
    if (::close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
        throw SystemError(errno, "closing the caller's files");
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw SystemError(errno, "making a pipe");
    const pid_t child = ::fork();
    if (child < 0)
        throw SystemError(errno, "going to the background");
    if (child > 0) {
        ::close(ends[1]);
        wait_for_report(ends[0]);
    }
    ::close(ends[0]);
    ::setsid();
    return Background(Fd(ends[1]));
}

void Background::report(int status, const std::string& message) noexcept {
    if (!waiting_.is_open())
        return;
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO})
        ::dup2(null.get(), fd);
    const char byte = static_cast<char>(status);
    say(waiting_.get(), {&byte, 1});
    say(waiting_.get(), message);
    waiting_.reset();
}

} // namespace thinsnap::tools
