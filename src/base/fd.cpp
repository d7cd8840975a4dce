#include "base/fd.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

void Fd::reset() noexcept {
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

Fd open_file(const std::string& path, int flags, unsigned mode) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0)
        throw SystemError(errno, fmt::format("opening {}", path));
    return Fd(fd);
}

void write_at(const Fd& file,
              std::span<const std::byte> bytes,
              std::uint64_t offset,
              const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t n =
            ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw SystemError(errno, fmt::format("writing {}", path));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

void sync_directory(const std::string& path) {
    const Fd dir = open_file(path, O_RDONLY | O_DIRECTORY);
    if (::fsync(dir.get()) != 0)
        throw SystemError(errno, fmt::format("syncing directory {}", path));
}

std::string read_text_file(const std::string& path, std::size_t limit) {
    const Fd fd = open_file(path, O_RDONLY);
    std::string text;
    std::array<char, 4096> part{};
    for (;;) {
        const ssize_t n = ::read(fd.get(), part.data(), part.size());
        if (n < 0)
            throw SystemError(errno, fmt::format("reading {}", path));
        if (n == 0)
            return text;
        text.append(part.data(), static_cast<std::size_t>(n));
        if (text.size() > limit)
            throw Error(Errc::invalid_argument,
                        fmt::format("reading {}: longer than {} bytes", path, limit));
    }
}

namespace {

/// \return the file, written and not synced
Fd write_beside(const std::string& beside, const std::string& text) {
    Fd fd = open_file(beside, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t n = ::write(fd.get(), text.data() + done, text.size() - done);
        if (n < 0)
            throw SystemError(errno, fmt::format("writing {}", beside));
        done += static_cast<std::size_t>(n);
    }
    return fd;
}

void rename_file(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0)
        throw SystemError(errno, fmt::format("renaming {} to {}", from, to));
}

} // namespace

void replace_text_file(const std::string& path, const std::string& text) {
    const std::string beside = path + ".new";
    const Fd fd = write_beside(beside, text);
    if (::fsync(fd.get()) != 0)
        throw SystemError(errno, fmt::format("syncing {}", beside));
    rename_file(beside, path);
    const auto parent = std::filesystem::path(path).parent_path();
    sync_directory(parent.empty() ? "." : parent.string());
}

void replace_volatile_file(const std::string& path, const std::string& text) {
    const std::string beside = path + ".new";
    static_cast<void>(write_beside(beside, text));
    rename_file(beside, path);
}

} // namespace thinsnap
