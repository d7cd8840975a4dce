#include "app/device_file.hpp"

#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "app/file_use.hpp"
#include "app/interrupt.hpp"
#include "base/fd.hpp"

namespace thinsnap::app {

namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 5; // to claim a block device that may only be in use for a moment

bool is_block_device(const fs::path& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISBLK(st.st_mode);
}

/// Claims a block device for a moment. Readers cannot keep the claim, they would exclude each
/// other; they meet here only for an instant, so a few attempts tell them from the kernel.
void refuse_device_in_use(const fs::path& path) {
    for (int attempt = 1;; ++attempt) {
        const int fd = ::open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
        if (fd >= 0)
            return Fd(fd).reset();
        if (errno != EBUSY || attempt == kAttempts)
            throw SystemError(errno, fmt::format("opening {}", path.string()));
        interruptible_sleep(std::chrono::milliseconds(20));
    }
}

} // namespace

void refuse_file_in_use(const fs::path& file) {
    if (const auto loop = find_loop_device(file.string()))
        throw Error(Errc::busy,
                    fmt::format("{} is in use by the loop device {}; detach it first (losetup -d)",
                                file.string(),
                                *loop));
}

std::unique_ptr<io::FileDevice> open_device_file(const fs::path& path, Access access) {
    const bool shared = access == Access::shared;
    try {
        refuse_file_in_use(path);
        if (shared && is_block_device(path))
            refuse_device_in_use(path);
        return std::make_unique<io::FileDevice>(
            path.string(), io::FileDeviceOptions{.read_only = shared, .exclusive = !shared});
    } catch (Error& error) {
        if (error.kind() == Errc::busy && is_block_device(path))
            error.add_context("the device is mounted or otherwise used by the kernel");
        throw;
    }
}

} // namespace thinsnap::app
