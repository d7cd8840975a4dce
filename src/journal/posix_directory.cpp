#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "journal/journal_directory.hpp"

namespace thinsnap::journal {

namespace {

class PosixFile final : public JournalFile {
public:
    PosixFile(std::string path, Fd fd)
        : path_(std::move(path))
        , fd_(std::move(fd)) {}

    std::uint64_t size() override {
        struct stat st {};
        if (::fstat(fd_.get(), &st) != 0)
            throw SystemError(errno, fmt::format("asking for the size of {}", path_));
        return static_cast<std::uint64_t>(st.st_size);
    }

    std::size_t read(std::uint64_t offset, std::span<std::byte> into) override {
        std::size_t done = 0;
        while (done < into.size()) {
            const ssize_t n = ::pread(fd_.get(),
                                      into.data() + done,
                                      into.size() - done,
                                      static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                throw SystemError(errno, fmt::format("reading {} at {}", path_, offset + done));
            if (n == 0)
                break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        while (!from.empty()) {
            const ssize_t n =
                ::pwrite(fd_.get(), from.data(), from.size(), static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                throw SystemError(errno, fmt::format("writing {} at {}", path_, offset));
            offset += static_cast<std::size_t>(n);
            from = from.subspan(static_cast<std::size_t>(n));
        }
    }

    // The new part is written, not only allocated: an append to space that was never written
    // makes the file system commit a change of its own with each fdatasync.
    void allocate(std::uint64_t new_size) override {
        const std::uint64_t from = size();
        if (new_size <= from)
            return;
        const auto offset = static_cast<off_t>(from);
        if (::fallocate(fd_.get(), 0, offset, static_cast<off_t>(new_size) - offset) != 0 &&
            errno != EOPNOTSUPP)
            throw SystemError(errno, fmt::format("making {} {} bytes long", path_, new_size));
        static constexpr std::array<std::byte, 64U << 10U> kZeros{};
        for (std::uint64_t at = from; at < new_size;) {
            const auto n = std::min<std::uint64_t>(kZeros.size(), new_size - at);
            write(at, std::span(kZeros).first(n));
            at += n;
        }
    }

    void truncate(std::uint64_t new_size) override {
        if (::ftruncate(fd_.get(), static_cast<off_t>(new_size)) != 0)
            throw SystemError(errno, fmt::format("cutting {} to {} bytes", path_, new_size));
    }

    void sync() override {
        if (::fdatasync(fd_.get()) != 0)
            throw SystemError(errno, fmt::format("flushing {}", path_));
    }

private:
    std::string path_;
    Fd fd_;
};

/// Names are resolved in the directory that was opened, whatever becomes of its path.
class PosixDirectory final : public JournalDirectory {
public:
    explicit PosixDirectory(const std::string& path)
        : path_(path)
        , fd_(open_file(path, O_RDONLY | O_DIRECTORY)) {}

    std::unique_ptr<JournalFile> open(std::string_view name, bool read_only) override {
        const std::string file(name);
        const int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW;
        Fd fd(::openat(fd_.get(), file.c_str(), flags));
        if (!fd.is_open() && errno == ENOENT)
            return nullptr;
        return made(name, std::move(fd), "opening");
    }

    std::unique_ptr<JournalFile> create(std::string_view name) override {
        remove(name); // a reader may have the old one open
        const std::string file(name);
        const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
        return made(name, Fd(::openat(fd_.get(), file.c_str(), flags, 0600)), "creating");
    }

    void rename(std::string_view from, std::string_view to) override {
        if (::renameat(fd_.get(), std::string(from).c_str(), fd_.get(), std::string(to).c_str()) !=
            0)
            throw SystemError(errno, fmt::format("renaming {} to {}", path_of(from), path_of(to)));
    }

    void remove(std::string_view name) override {
        if (::unlinkat(fd_.get(), std::string(name).c_str(), 0) != 0 && errno != ENOENT)
            throw SystemError(errno, fmt::format("removing {}", path_of(name)));
    }

    void sync() override {
        if (::fsync(fd_.get()) != 0)
            throw SystemError(errno, fmt::format("flushing directory {}", path_));
    }

    [[nodiscard]] std::string path_of(std::string_view name) const override {
        return fmt::format("{}/{}", path_, name);
    }

private:
    [[nodiscard]] std::unique_ptr<JournalFile>
    made(std::string_view name, Fd fd, const char* action) const {
        if (!fd.is_open())
            throw SystemError(errno, fmt::format("{} {}", action, path_of(name)));
        return std::make_unique<PosixFile>(path_of(name), std::move(fd));
    }

    std::string path_;
    Fd fd_;
};

} // namespace

std::unique_ptr<JournalDirectory> open_journal_directory(const std::string& path) {
    return std::make_unique<PosixDirectory>(path);
}

} // namespace thinsnap::journal
