#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

struct msghdr;

namespace thinsnap::rpc {

/// What one end takes from the other.
struct Limits {
    std::size_t line = std::size_t{1} << 20U; ///< bytes of a message
    std::size_t descriptors = 4;              ///< that come with a message
};

/// A line, without its end, and the descriptors that came with its bytes.
struct Message {
    std::string line;
    std::vector<Fd> descriptors;
};

/// Messages in both directions over a connected unix stream socket: a line each, with descriptors
/// beside it (SCM_RIGHTS), which travel with the line's first byte.
///
/// Threads: one that receives, and one at a time that sends.
class Channel {
public:
    /// Returns when the socket can be read, or should be tried: called before each read.
    using Wait = std::function<void(int fd)>;

    Channel(Fd socket, Limits limits)
        : socket_(std::move(socket))
        , limits_(limits) {}

    [[nodiscard]] const Fd& socket() const noexcept { return socket_; }

    /// \param line  without a line break
    /// \throws SystemError  EPIPE where the other end is closed
    void send(std::string_view line, std::span<const int> descriptors = {}) const;

    /// Nothing at the end of the stream, or where it is broken; half a line before it is dropped.
    /// \throws Error(invalid_argument)  a limit is passed: the channel is of no use any more
    /// \throws SystemError, and what `wait` throws: then it can be called again
    [[nodiscard]] std::optional<Message> receive(const Wait& wait = {});

private:
    [[nodiscard]] bool fill(const Wait& wait);
    void take_descriptors(const msghdr& header);

    Fd socket_;
    Limits limits_;
    std::string buffer_; ///< received and not yet given out
    std::size_t searched_ = 0;
    std::vector<Fd> descriptors_; ///< of the line that the buffer begins with
};

} // namespace thinsnap::rpc
