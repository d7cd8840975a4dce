#include "oci/spool.hpp"

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap::oci {

namespace {

constexpr std::size_t kSpoolPiece = std::size_t{256} << 10U;

} // namespace

Fd make_unnamed_file(const std::string& directory) {
    Fd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd.is_open())
        return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR)
        throw SystemError(errno, fmt::format("making a work file in {}", directory));
    std::string name = directory + "/.thinsnap-XXXXXX"; // NFS and its like have no O_TMPFILE
    fd = Fd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd.is_open() || ::unlink(name.c_str()) != 0)
        throw SystemError(errno, fmt::format("making a work file in {}", directory));
    return fd;
}

void write_all(int fd, std::span<const std::byte> bytes, const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw SystemError(errno, fmt::format("writing {}", name));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
}

std::shared_ptr<const InputFile>
spool(ByteSource& source, const std::string& name, const SpoolOptions& options) {
    Fd fd = make_unnamed_file(options.directory);
    const std::string where = fmt::format("the work file for {} in {}", name, options.directory);
    std::vector<std::byte> scratch(kSpoolPiece);
    std::uint64_t total = 0;
    for (;;) {
        if (options.interrupt)
            options.interrupt();
        const auto piece = source.next(scratch);
        if (piece.empty())
            break;
        total += piece.size();
        if (total > options.max_bytes)
            throw Error(Errc::corrupt,
                        fmt::format("{} has more than the {} bytes allowed; raise the limit if "
                                    "that is right",
                                    name,
                                    options.max_bytes));
        write_all(fd.get(), piece, where);
    }
    return std::make_shared<const InputFile>(std::move(fd), name);
}

std::size_t FdSource::read(std::span<std::byte> into) {
    for (;;) {
        if (wait_readable_)
            wait_readable_(fd_);
        const ssize_t n = ::read(fd_, into.data(), into.size());
        if (n >= 0)
            return static_cast<std::size_t>(n);
        if (errno != EINTR)
            throw SystemError(errno, fmt::format("reading {}", name_));
    }
}

} // namespace thinsnap::oci
