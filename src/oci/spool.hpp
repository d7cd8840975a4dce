#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/byte_source.hpp"
#include "base/fd.hpp"
#include "oci/input_file.hpp"

namespace thinsnap::oci {

/// A new file without a name in `directory`: it is gone when it is closed, also by a crash.
/// \throws SystemError
[[nodiscard]] Fd make_unnamed_file(const std::string& directory);

/// Appends to a file. \throws SystemError
void write_all(int fd, std::span<const std::byte> bytes, const std::string& name);

struct SpoolOptions {
    std::string directory;             ///< where the file lies
    std::uint64_t max_bytes = 0;       ///< more than that is an error
    std::function<void()> interrupt{}; ///< called now and then, may throw; may be empty
};

/// All of `source` in an unnamed file.
/// \param name  of what is spooled, for messages
/// \throws Error(corrupt)  over max_bytes
/// \throws SystemError
[[nodiscard]] std::shared_ptr<const InputFile>
spool(ByteSource& source, const std::string& name, const SpoolOptions& options);

/// What a file descriptor gives that cannot seek: standard input, a pipe.
class FdSource final : public ByteSource {
public:
    /// \param fd             stays the caller's
    /// \param wait_readable  called before each read, may throw; may be empty
    FdSource(int fd, std::string name, std::function<void(int)> wait_readable)
        : fd_(fd)
        , name_(std::move(name))
        , wait_readable_(std::move(wait_readable)) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override;

private:
    int fd_;
    std::string name_;
    std::function<void(int)> wait_readable_;
};

} // namespace thinsnap::oci
