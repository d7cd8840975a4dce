#include "support/tool.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;

std::optional<fs::path> find_tool(std::string_view name) {
    if (name.find('/') != std::string_view::npos)
        return fs::path(name);
    // NOLINTNEXTLINE(concurrency-mt-unsafe) nobody changes the environment
    const char* path = std::getenv("PATH");
    std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/sbin:/sbin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        const fs::path candidate = fs::path(folder) / name;
        if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
    }
    return std::nullopt;
}

std::string read_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

[[noreturn]] void fail(int error, const std::string& action) {
    throw std::system_error(error, std::generic_category(), action);
}

/// Where the program's streams go.
class Streams {
public:
    Streams(const fs::path& output, const fs::path& errors) {
        ::posix_spawn_file_actions_init(&actions_);
        open(STDIN_FILENO, "/dev/null", O_RDONLY);
        open(STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC);
        open(STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_TRUNC);
    }
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;
    ~Streams() { ::posix_spawn_file_actions_destroy(&actions_); }

    [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }

private:
    void open(int fd, const fs::path& path, int flags) {
        const int error =
            ::posix_spawn_file_actions_addopen(&actions_, fd, path.c_str(), flags, 0600);
        if (error != 0)
            fail(error, "preparing " + path.string());
    }

    posix_spawn_file_actions_t actions_{};
};

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail(errno, "waiting for a program");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

bool have_tool(std::string_view name) {
    return find_tool(name).has_value();
}

ToolRun run_tool(const std::vector<std::string>& argv) {
    const auto program = find_tool(argv.at(0));
    if (!program)
        fail(ENOENT, argv[0]);
    const TempDir directory;
    const Streams streams(directory / "output", directory / "errors");
    std::vector<std::string> arguments = argv;
    std::vector<char*> pointers;
    for (std::string& argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, program->c_str(), streams.actions(), nullptr, pointers.data(), environ);
    if (error != 0)
        fail(error, "starting " + program->string());
    ToolRun run;
    run.status = wait_for(pid);
    run.output = read_text(directory / "output");
    run.errors = read_text(directory / "errors");
    return run;
}

} // namespace thinsnap::test
