#include "support/metadata_check.hpp"

#include <array>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "thin/check.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

const char* thin_check_path() {
    for (const char* path : {"/usr/sbin/thin_check", "/sbin/thin_check"})
        if (::access(path, X_OK) == 0)
            return path;
    return nullptr;
}

void copy_to_file(BlockDevice& device, const std::string& path) {
    constexpr std::size_t kPiece = 1U << 20U;
    std::ofstream file(path, std::ios::binary);
    std::vector<char> buffer(kPiece);
    for (std::uint64_t at = 0; at < device.size(); at += kPiece) {
        const std::size_t n = std::min<std::uint64_t>(kPiece, device.size() - at);
        device.read(at, std::as_writable_bytes(std::span(buffer).first(n)));
        file.write(buffer.data(), static_cast<std::streamsize>(n));
    }
    file.flush();
    if (!file)
        throw SystemError(errno, "writing " + path);
}

/// Exit status of the command, with all that it prints in `output`.
int run(const std::vector<std::string>& command, const std::string& output) {
    std::vector<std::string> words = command;
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(
        &actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t child = -1;
    const int error = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        throw SystemError(error, "starting " + command[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

std::string findings_of(BlockDevice& metadata, std::uint64_t data_bytes) {
    std::string text;
    const auto result = thin::check_metadata(
        metadata, {.data_bytes = data_bytes}, [&](const thin::Finding& finding) {
            if (finding.severity != thin::Severity::warning)
                text += thin::describe(finding) + "\n";
        });
    if (text.empty() && !result.is_clean())
        text = "the check is not clean and says nothing\n";
    return text;
}

bool have_thin_check() {
    return thin_check_path() != nullptr;
}

std::string thin_check_says(BlockDevice& metadata) {
    const char* tool = thin_check_path();
    if (tool == nullptr)
        return {};
    const TempDir directory;
    const std::string image = directory / "metadata";
    const std::string output = directory / "output";
    copy_to_file(metadata, image);
    const int status = run({tool, image}, output);
    if (status == 0)
        return {};
    return fmt::format("thin_check exits with {}:\n{}", status, read_text_file(output));
}

} // namespace thinsnap::test
