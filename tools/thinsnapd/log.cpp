#include "log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

namespace thinsnap::tools {

namespace {

/// Of a log that is gone on with.
constexpr off_t kMaxSize = 1 << 20;

} // namespace

void log_to_file(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) == 0 && st.st_size > kMaxSize)
        ::rename(path.c_str(), (path + ".old").c_str());
    const Fd file = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
    if (::dup2(file.get(), STDERR_FILENO) < 0)
        throw SystemError(errno, fmt::format("writing {}", path));
}

void log_line(std::string_view text) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::string line =
        fmt::format("{:%Y-%m-%dT%H:%M:%SZ} thinsnapd[{}]: {}", fmt::gmtime(now), ::getpid(), text);
    std::ranges::replace(line, '\n', ' ');
    line += '\n';
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace thinsnap::tools
