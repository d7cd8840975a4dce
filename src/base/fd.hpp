#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace thinsnap {

/// Owner of a file descriptor. Closing tells nothing about data: what must be durable is flushed by
/// a call that can fail, before.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd)
        : fd_(fd) {}
    Fd(Fd&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept;

private:
    int fd_ = -1;
};

/// open(2) with O_CLOEXEC. \throws SystemError naming the path
[[nodiscard]] Fd open_file(const std::string& path, int flags, unsigned mode = 0600);

/// Writes all of `bytes` at `offset`. \throws SystemError naming the path
void write_at(const Fd& file,
              std::span<const std::byte> bytes,
              std::uint64_t offset,
              const std::string& path);

/// Makes the directory's entries (a created, renamed or removed file) durable. \throws SystemError
void sync_directory(const std::string& path);

/// The whole file as text. \throws SystemError, Error(invalid_argument) over `limit` bytes
[[nodiscard]] std::string read_text_file(const std::string& path, std::size_t limit = 1U << 20U);

/// Replaces the file's content so that a crash leaves the old or the new text (write beside, fsync,
/// rename, fsync of the directory). \throws SystemError
void replace_text_file(const std::string& path, const std::string& text);

/// Likewise for what need not outlive the machine's run: whoever reads it meanwhile sees the old or
/// the new text, and nothing is waited for. \throws SystemError
void replace_volatile_file(const std::string& path, const std::string& text);

} // namespace thinsnap
