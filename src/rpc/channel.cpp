#include "rpc/channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/core.h>
#include <sys/socket.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::rpc {

namespace {

constexpr std::size_t kMostDescriptors = 16; ///< that one read takes; the kernel drops the rest
constexpr std::size_t kPiece = 64U << 10U;

/// Room for a control message with descriptors.
struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> bytes{};
};

void add_descriptors(msghdr& header, Control& control, std::span<const int> descriptors) {
    TS_ASSERT(descriptors.size() <= kMostDescriptors);
    if (descriptors.empty())
        return;
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(first), descriptors.data(), descriptors.size_bytes());
}

} // namespace

void Channel::send(std::string_view line, std::span<const int> descriptors) const {
    std::string text(line);
    text += '\n';
    std::span<char> rest(text);
    Control control;
    while (!rest.empty()) {
        iovec piece{rest.data(), rest.size()};
        msghdr header{};
        header.msg_iov = &piece;
        header.msg_iovlen = 1;
        add_descriptors(header, control, std::exchange(descriptors, {}));
        ssize_t n = 0;
        do {
            n = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
            throw SystemError(errno, "sending a message");
        rest = rest.subspan(static_cast<std::size_t>(n));
    }
}

void Channel::take_descriptors(const msghdr& header) {
    // CMSG_NXTHDR wants to be given what it may change.
    msghdr copy = header;
    for (cmsghdr* at = CMSG_FIRSTHDR(&copy); at != nullptr; at = CMSG_NXTHDR(&copy, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        std::array<int, kMostDescriptors> fds{};
        const std::size_t bytes = at->cmsg_len - CMSG_LEN(0);
        std::memcpy(fds.data(), CMSG_DATA(at), std::min(bytes, sizeof fds));
        for (std::size_t i = 0; i < bytes / sizeof(int) && i < fds.size(); ++i)
            descriptors_.emplace_back(fds.at(i));
    }
    if (descriptors_.size() > limits_.descriptors || (header.msg_flags & MSG_CTRUNC) != 0)
        throw Error(Errc::invalid_argument,
                    fmt::format("more than {} descriptors with a message", limits_.descriptors));
}

/// \return false at the end of the stream
bool Channel::fill(const Wait& wait) {
    if (wait)
        wait(socket_.get());
    std::array<char, kPiece> bytes; // NOLINT(cppcoreguidelines-pro-type-member-init) read into
    Control control;
    iovec piece{bytes.data(), bytes.size()};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const ssize_t n = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n < 0 && errno == ECONNRESET)
        return false;
    if (n < 0)
        throw SystemError(errno, "receiving a message");
    buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    take_descriptors(header);
    return n > 0;
}

std::optional<Message> Channel::receive(const Wait& wait) {
    for (;;) {
        const auto end = buffer_.find('\n', searched_);
        if (end != std::string::npos && end <= limits_.line) {
            Message message{.line = buffer_.substr(0, end),
                            .descriptors = std::exchange(descriptors_, {})};
            buffer_.erase(0, end + 1);
            searched_ = 0;
            return message;
        }
        searched_ = buffer_.size();
        if (searched_ > limits_.line)
            throw Error(Errc::invalid_argument,
                        fmt::format("a message of more than {} bytes", limits_.line));
        if (!fill(wait))
            return std::nullopt;
    }
}

} // namespace thinsnap::rpc
