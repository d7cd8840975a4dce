#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"

namespace thinsnap::attach {

/// A loop device as the kernel describes it.
struct LoopInfo {
    unsigned number = 0;
    std::string path{}; ///< "/dev/loop3"
    dev_t device = 0;   ///< of the loop device itself
    /// As the kernel spells it now: below a mount that was detached lazily, from its root ("/17").
    std::string backing_file{};
};

struct LoopOptions {
    bool read_only = false;
    /// Past the page cache: else everything is cached twice, and reads run at a quarter of the
    /// speed.
    bool direct_io = true;
};

/// A loop device over a file, held by this process.
///
/// It has 4096-byte logical blocks and goes away by itself (AUTOCLEAR) once nobody has it open. We
/// keep it open, so it stays for whoever wants to mount it; if this process dies, an unused one is
/// gone at once and a mounted one as soon as it is unmounted.
class LoopDevice {
public:
    LoopDevice() = default;
    /// Takes a free number, a new one if there is none; several processes may do so at once.
    /// \throws SystemError  loop devices are not there or not permitted; the file is named
    LoopDevice(const std::string& file, const LoopOptions& options);
    /// One that is there already, whoever made it. \throws SystemError
    LoopDevice(const LoopInfo& loop, const LoopOptions& options);
    LoopDevice(LoopDevice&&) noexcept = default;
    LoopDevice& operator=(LoopDevice&&) noexcept = default;
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;
    ~LoopDevice() = default;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] unsigned number() const noexcept { return number_; }
    [[nodiscard]] dev_t device() const noexcept { return device_; }
    [[nodiscard]] bool is_open() const noexcept { return fd_.is_open(); }

    /// Takes the file's present size. \throws SystemError
    void update_size();

    /// Whether the kernel uses it exclusively: a mount, device-mapper, swap, O_EXCL.
    [[nodiscard]] bool is_claimed() const;

    /// Lets it go if nobody else has it open. What was written through its page cache has reached
    /// the file then.
    /// \return false: somebody has; it is still held by us
    [[nodiscard]] bool try_detach();
    /// Lets it go; it stays until the last other user closes it.
    void detach_when_unused() noexcept { fd_.reset(); }

private:
    Fd fd_;
    std::string path_;
    unsigned number_ = 0;
    dev_t device_ = 0;
};

/// All loop devices with a backing file, by number. Asks the kernel alone: one of them may have a
/// server that hangs.
[[nodiscard]] std::vector<LoopInfo> list_loops();

/// What the loop device of that number is at the moment; nothing when it has no backing file.
[[nodiscard]] std::optional<LoopInfo> find_loop(unsigned number);

/// Whether the backing file cannot be asked any more, since the server of its file system has died.
/// Waits for a server that hangs.
[[nodiscard]] bool has_dead_server(const LoopInfo& loop);

/// Takes the backing file from a loop device that nobody holds for us any more; one that is in use
/// loses it when it is closed. Does nothing where there is none. \throws SystemError
void detach_loop(unsigned number);

/// The processes that have the device open, without this one; only root sees all. Slow: looks at
/// every process.
[[nodiscard]] std::vector<pid_t> find_openers(const std::string& device);

/// The devices stacked upon a block device ("dm-0"): /sys/dev/block/MAJOR:MINOR/holders.
[[nodiscard]] std::vector<std::string> find_holders(dev_t device);

} // namespace thinsnap::attach
