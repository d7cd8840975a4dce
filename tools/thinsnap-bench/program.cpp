#include "program.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"

#include "measure.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

namespace {

Fd memory_file(const char* name) {
    const int fd = ::memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        throw SystemError(errno, "making a file in memory");
    return Fd(fd);
}

std::string content_of(const Fd& file) {
    struct stat st {};
    if (::fstat(file.get(), &st) != 0)
        throw SystemError(errno, "looking at a program's output");
    std::string text(static_cast<std::size_t>(st.st_size), '\0');
    if (::pread(file.get(), text.data(), text.size(), 0) != st.st_size)
        throw SystemError(errno, "reading a program's output");
    return text;
}

} // namespace

bool have_program(std::string_view name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe) nobody sets the environment
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "");
    for (std::string directory; std::getline(directories, directory, ':');)
        if (::access((fs::path(directory) / name).c_str(), X_OK) == 0)
            return true;
    return false;
}

Program::Program(const Command& command)
    : name_(command.front())
    , output_(memory_file("output"))
    , errors_(memory_file("errors")) {
    std::vector<char*> argv;
    Command copy = command;
    for (std::string& argument : copy)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output_.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, errors_.get(), STDERR_FILENO);
    const int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        pid_ = 0;
        throw SystemError(error, fmt::format("starting {}", name_));
    }
}

Program::~Program() {
    if (pid_ == 0)
        return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
}

void Program::wait() {
    // A signal ends the wait, see app::InterruptHandler; the destructor ends the program.
    const Fd end(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!end.is_open())
        throw SystemError(errno, fmt::format("watching {}", name_));
    app::wait_readable(end.get());
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0)
        if (errno != EINTR)
            throw SystemError(errno, fmt::format("waiting for {}", name_));
    pid_ = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw std::runtime_error(fmt::format("{} failed: {}", name_, content_of(errors_)));
}

std::string Program::output() const {
    return content_of(output_);
}

double run(const Command& command) {
    return seconds([&] { Program(command).wait(); });
}

std::string output_of(const Command& command) {
    Program program(command);
    program.wait();
    return program.output();
}

void sync_file_system(const fs::path& place) {
    const Fd fd = open_file(place.string(), O_RDONLY);
    if (::syncfs(fd.get()) != 0)
        throw SystemError(errno, fmt::format("syncing what {} is on", place.string()));
}

double run_and_sync(const Command& command, const fs::path& place) {
    return seconds([&] {
        Program(command).wait();
        sync_file_system(place);
    });
}

} // namespace thinsnap::bench
