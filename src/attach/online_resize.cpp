#include "attach/online_resize.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

namespace thinsnap::attach {

namespace {

constexpr std::uint64_t kExt4Block = 4096;
/// EXT4_IOC_RESIZE_FS, which no header for programs has.
constexpr unsigned long kResize = _IOW('f', 16, std::uint64_t);

} // namespace

void grow_mounted(const MountPlace& place, std::uint64_t size) {
    const Fd root = open_file(reachable_path(place), O_RDONLY | O_DIRECTORY);
    std::uint64_t blocks = size / kExt4Block;
    if (::ioctl(root.get(), kResize, &blocks) == 0)
        return;
    const std::string what =
        fmt::format("growing the file system on {} to {} bytes", reachable_path(place), size);
    if (errno == EPERM)
        throw Error(Errc::unsupported,
                    fmt::format("{}: the kernel wants CAP_SYS_RESOURCE for that; unmount it, and "
                                "try again",
                                what));
    throw SystemError(errno, what);
}

} // namespace thinsnap::attach
