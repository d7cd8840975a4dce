#include "app/stream_io.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"

namespace thinsnap::app {

namespace {

constexpr std::size_t kBufferSize = 256U << 10U;

/// How much may be written at once after poll() has said that there is room. A signal cuts a longer
/// write short that waits for its reader; where none comes, it must not have to wait.
std::size_t piece_of(int fd, std::size_t size) {
    struct stat st {};
    if (!is_cancellable() || (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return size;
    return std::min<std::size_t>(size, PIPE_BUF);
}

} // namespace

void write_fully(int fd, std::span<const std::byte> bytes, std::string_view name) {
    const std::size_t piece = piece_of(fd, bytes.size());
    while (!bytes.empty()) {
        wait_writable(fd);
        const ssize_t n = ::write(fd, bytes.data(), std::min(piece, bytes.size()));
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0 && errno == EPIPE)
            throw BrokenPipe();
        if (n < 0)
            throw SystemError(errno, fmt::format("writing {}", name));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
}

void read_fully(int fd, std::span<std::byte> into, std::size_t& done, std::string_view name) {
    done = 0;
    while (done < into.size()) {
        wait_readable(fd);
        const ssize_t n = ::read(fd, into.data() + done, into.size() - done);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            throw SystemError(errno, fmt::format("reading {}", name));
        if (n == 0)
            return;
        done += static_cast<std::size_t>(n);
    }
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

void DescriptorSink::write(std::span<const std::byte> bytes) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    if (pending_.size() >= kBufferSize)
        flush();
}

void DescriptorSink::flush() {
    write_fully(fd_, std::exchange(pending_, {}), name_);
}

} // namespace thinsnap::app
