#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <thinsnap/block_device.hpp>

#include "dm/table.hpp"

/// \file
/// The kernel's device-mapper as the driver sees it. Everything that the driver asks of the kernel
/// passes here, so a test can stand in for the kernel and let any step fail.

namespace thinsnap::dm {

/// A mapped device as it is at the moment.
struct MappedDevice {
    dev_t device = 0;
    bool suspended = false;
    bool read_only = false;
    bool leaving = false;         ///< goes when its last user does
    std::uint32_t open_count = 0; ///< descriptors, mounts and devices upon it
};

struct NewDevice {
    std::string name; ///< of letters, digits and '-', at most 127; so is the UUID that it gets
    Target target;
    bool read_only = false;
    /// Nobody but this program is to look at it: udev's rules for disks pass it over.
    bool is_private = false;
};

enum class StatusFlush {
    no,  ///< as it is
    yes, ///< a pool commits first; whether that succeeded, its status says
};

enum class Suspend {
    flush,     ///< writes that have begun end; a file system on it is frozen meanwhile
    no_freeze, ///< the same without the file system's part: somebody froze it already
    no_flush,  ///< writes that have begun may wait within: for a pool that has no space
    at_once,   ///< neither: who has to wait for nobody
};

enum class Remove {
    now,         ///< with some patience for udev, which looks at new devices for a moment
    when_unused, ///< at once if nobody uses it, else when its last user closes it
};

/// Threads: all calls from any thread; they may wait for each other.
class Control {
public:
    Control() = default;
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;
    virtual ~Control() = default;

    /// The device is there, running, with its node.
    /// \throws SystemError  here and below: with the kernel's errno (EBUSY, EEXIST, EINVAL, ENXIO:
    ///                      no such device, ENODATA: no such thin device, ...); nothing was made
    virtual void create(const NewDevice& device) = 0;
    /// Loads a table, which the next resume() makes the device's.
    virtual void load(const std::string& name, const Target& target, bool read_only) = 0;
    /// Forgets a table that load() brought and no resume() took.
    virtual void unload(const std::string& name) = 0;
    virtual void suspend(const std::string& name, Suspend how) = 0;
    virtual void resume(const std::string& name) = 0;
    virtual void remove(const std::string& name, Remove how) = 0;
    /// A message to the device's target.
    virtual void message(const std::string& name, const std::string& text) = 0;

    [[nodiscard]] virtual Target status(const std::string& name, StatusFlush flush) = 0;
    /// The table that is in use.
    [[nodiscard]] virtual Target table(const std::string& name) = 0;
    [[nodiscard]] virtual std::optional<MappedDevice> find(const std::string& name) = 0;
    /// The names of all mapped devices that begin with `prefix`, in no order.
    [[nodiscard]] virtual std::vector<std::string> list(std::string_view prefix) = 0;

    /// What went wrong and did not stop anything, for people; told once.
    [[nodiscard]] virtual std::vector<std::string> take_warnings() = 0;

    /// Where its node is.
    [[nodiscard]] virtual std::string path(const std::string& name) = 0;
    /// Past the page cache; others may use the device meanwhile.
    [[nodiscard]] virtual std::unique_ptr<BlockDevice> open(const std::string& name,
                                                            bool read_only) = 0;
};

/// A device that is suspended, and is resumed at the latest when this goes.
class SuspendGuard {
public:
    SuspendGuard(Control& control, std::string name, Suspend how);
    SuspendGuard(const SuspendGuard&) = delete;
    SuspendGuard& operator=(const SuspendGuard&) = delete;
    ~SuspendGuard();

    /// \throws SystemError  its destructor tries again
    void resume();

private:
    Control& control_;
    std::string name_;
    bool suspended_ = true;
};

/// Gives a device another table; whoever uses it goes on with that. On failure it keeps the one it
/// has, and runs.
void replace_table(
    Control& control, const std::string& name, const Target& target, bool read_only, Suspend how);

} // namespace thinsnap::dm
