#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.hpp"

/// \file
/// Bytes in and out of descriptors that may be pipes, terminals or sockets of somebody else: every
/// wait ends in Interrupted when it should.

namespace thinsnap::app {

/// Whoever reads our output has gone away. No failure to speak of: the work ends quietly.
class BrokenPipe : public std::exception {};

/// Writes all of it, waiting as long as it takes.
/// \throws BrokenPipe, Interrupted, SystemError
void write_fully(int fd, std::span<const std::byte> bytes, std::string_view name);

/// Fills `into` from `fd`. `done` is the number of bytes in it whatever happens: fewer than asked
/// for at the end of the input, or when it throws.
/// \throws Interrupted, SystemError
void read_fully(int fd, std::span<std::byte> into, std::size_t& done, std::string_view name);

[[nodiscard]] std::span<const std::byte> bytes_of(std::string_view text);

/// A descriptor as a sink, buffered. What was not flushed is lost.
/// Threads: one at a time.
class DescriptorSink final : public ByteSink {
public:
    /// \param fd  must stay open as long as this lives
    DescriptorSink(int fd, std::string name)
        : fd_(fd)
        , name_(std::move(name)) {}

    void write(std::span<const std::byte> bytes) override;
    void flush();

private:
    int fd_;
    std::string name_;
    std::vector<std::byte> pending_;
};

} // namespace thinsnap::app
