#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <thinsnap/types.hpp>

namespace thinsnap::attach {

/// A part of a device that is written soon after its first write, as a file system's journal is:
/// whoever serves the device may make it ready behind that write, so that none of the next ones has
/// to copy a chunk.
struct WrittenSoon {
    std::uint64_t offset = 0; ///< bytes
    std::uint64_t length = 0; ///< bytes; 0: nothing is known
};

/// Which thin device is to become a block device, and how.
struct ActivateRequest {
    DeviceId id;
    std::string name;       ///< what people call it, for messages and recovery
    std::uint64_t size = 0; ///< bytes
    bool read_only = false;
    WrittenSoon written_soon{}; ///< costs the pool the chunks there
};

/// A thin device that is a block device at the moment.
struct ActiveDevice {
    DeviceId id;
    std::string name;
    std::uint64_t size = 0;
    bool read_only = false;
    std::string path{};   ///< "/dev/loop3"
    dev_t device = 0;     ///< its number
    bool leaving = false; ///< deactivated or revoked, and still in use by somebody
    std::chrono::system_clock::time_point since{};
};

enum class Deactivate {
    now,         ///< refused while somebody uses it
    when_unused, ///< it goes as soon as nobody does
};

/// Makes thin devices block devices, and takes that back: the pool's drivers differ in how.
/// Threads: all calls from any thread.
class Activator {
public:
    Activator() = default;
    Activator(const Activator&) = delete;
    Activator& operator=(const Activator&) = delete;
    virtual ~Activator() = default;

    /// \throws Error(busy)  it is active already, or leaving
    /// \throws Error(not_found, unsupported), SystemError
    virtual ActiveDevice activate(const ActivateRequest& request) = 0;

    /// Everything written through the block device is durable when it returns (when_unused: when it
    /// is gone).
    /// \throws Error(busy)       mounts, processes and stacked devices that use it, in the text
    /// \throws Error(not_found)  it is not active
    virtual void deactivate(DeviceId id, Deactivate how) = 0;

    /// The same, at once, if nobody uses it. \return false: somebody does, and nothing was done
    /// \throws Error(not_found)
    virtual bool try_deactivate(DeviceId id) = 0;

    /// Takes the thin device away from whoever uses the block device, where every access fails from
    /// then on; that goes when its last user does. What was written and not flushed is lost.
    /// \throws Error(not_found); Error(busy)  an access does not end
    virtual void revoke(DeviceId id) = 0;

    /// Makes the block device larger, while it is in use.
    /// \throws Error(not_found); Error(invalid_argument)  smaller than it is
    virtual void resize(DeviceId id, std::uint64_t size) = 0;

    /// All of them, by id; what was leaving and has gone is let go before.
    [[nodiscard]] virtual std::vector<ActiveDevice> list() = 0;
    [[nodiscard]] virtual std::optional<ActiveDevice> find(DeviceId id) = 0;
};

} // namespace thinsnap::attach
