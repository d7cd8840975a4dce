#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <libdevmapper.h>

#include "dm/table.hpp"

namespace thinsnap::dm {

/// One request to the kernel through libdevmapper, which is one ioctl (for a creation, three).
///
/// The library keeps much in globals: a request holds a lock over it for its whole life, so a
/// thread has one at a time. What the library prints goes into our errors instead.
class Task {
public:
    /// \param type    DM_DEVICE_CREATE, ...
    /// \param action  for messages, "creating"
    /// \param name    of the device, empty where the request has none
    /// \throws Error(unsupported)  there is no device-mapper here, or too old a one
    Task(int type, std::string_view action, std::string name);
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task();

    [[nodiscard]] dm_task* get() const noexcept { return task_; }

    /// \param set  what a setter of the library returned. \throws Error(internal) if that is 0
    void require(int set) const;
    void add_target(const Target& target);

    /// \throws SystemError  with the kernel's errno
    void run();
    /// The same for a request that makes, changes or removes a node: where udev does that, waits
    /// until it has, but for no more than kUdevPatience; then libdevmapper makes the nodes itself,
    /// for this program's life, and take_warning() says so.
    /// \param is_private  udev's rules for disks pass the device over
    void run_with_node(bool is_private);

    static constexpr std::chrono::seconds kUdevPatience{10};

    /// That udev did not answer, once it did not; told once.
    [[nodiscard]] static std::optional<std::string> take_warning();

private:
    [[noreturn]] void fail() const;
    void wait_for_udev(std::uint32_t cookie);

    std::unique_lock<std::mutex> library_;
    std::string what_; ///< "creating thinsnap-..."
    std::string name_;
    dm_task* task_ = nullptr;
};

} // namespace thinsnap::dm
