#include "service/server_start.hpp"

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "base/fd.hpp"

#include "service/exit_status.hpp"

namespace thinsnap::service {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxText = 4096;

/// Beside this program, or where it is installed to.
fs::path find_program() {
    std::error_code error;
    const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const fs::path& candidate : {here / "thinsnapd", here.parent_path() / "sbin/thinsnapd"})
        if (::access(candidate.c_str(), X_OK) == 0)
            return candidate;
    throw Error(Errc::not_found,
                fmt::format("thinsnapd is neither in {} nor in {}; install it there",
                            here.string(),
                            (here.parent_path() / "sbin").string()));
}

/// posix_spawn's file actions, with what we want of the child's descriptors.
class Redirections {
public:
    explicit Redirections(int error_output) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, error_output, STDERR_FILENO);
    }
    Redirections(const Redirections&) = delete;
    Redirections& operator=(const Redirections&) = delete;
    ~Redirections() { ::posix_spawn_file_actions_destroy(&actions_); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

pid_t spawn(const fs::path& program, std::vector<std::string> arguments, int error_output) {
    arguments.insert(arguments.begin(), program.string());
    std::vector<char*> words;
    for (std::string& argument : arguments)
        words.push_back(argument.data());
    words.push_back(nullptr);
    pid_t pid = -1;
    const Redirections redirections(error_output);
    const int error =
        ::posix_spawn(&pid, program.c_str(), redirections.get(), nullptr, words.data(), environ);
    if (error != 0)
        throw SystemError(error, fmt::format("starting {}", program.string()));
    return pid;
}

/// What it says until it closes its end. A signal does not end the wait: the server would come up
/// behind our back.
std::string read_all(const Fd& pipe) {
    std::string text;
    std::array<char, 512> part{};
    for (;;) {
        const ssize_t size = ::read(pipe.get(), part.data(), part.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return text;
        if (text.size() < kMaxText)
            text.append(part.data(), static_cast<std::size_t>(size));
    }
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            throw SystemError(errno, "waiting for thinsnapd");
    return WIFEXITED(status) ? WEXITSTATUS(status) : kExitSignalBase + WTERMSIG(status);
}

/// Its last line, without the program's name.
std::string message_of(std::string text) {
    while (text.ends_with('\n'))
        text.pop_back();
    text.erase(0, text.rfind('\n') + 1);
    constexpr std::string_view kPrefix = "thinsnapd: ";
    return text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
}

} // namespace

void start_server(const PoolAddress& pool, std::chrono::milliseconds patience) {
    app::check_interrupt();
    const fs::path program = find_program();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw SystemError(errno, "making a pipe");
    const Fd ours(ends[0]);
    Fd theirs(ends[1]);
    const pid_t pid = spawn(program,
                            {"--background",
                             "--pool",
                             fs::absolute(pool.directory).string(),
                             "--lock-timeout",
                             fmt::format("{:.3f}", static_cast<double>(patience.count()) / 1000)},
                            theirs.get());
    theirs.reset();
    const std::string text = read_all(ours);
    const int status = wait_for(pid);
    if (status == kExitOk || status == kExitServed)
        return;
    throw Error(kind_of(status), fmt::format("starting thinsnapd: {}", message_of(text)));
}

} // namespace thinsnap::service
