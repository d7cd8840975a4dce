#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <thinsnap/thin_pool.hpp>

#include "attach/activator.hpp"
#include "attach/runtime_directory.hpp"
#include "base/mutex.hpp"
#include "journal/objects.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::service {

/// What a device is made a block device for.
enum class Purpose {
    device, ///< somebody asked for it: it stays until that is undone
    mount,  ///< it goes with its last mount, or soon if none comes
};

/// Where a pool is whose devices are activated.
struct ActivePool {
    std::string uuid;
    /// The file system that the pool's files lie on, see attach::FreezeOptions.
    dev_t file_system = 0;
};

/// A pool's devices that are block devices, as long as this process lives.
///
/// Threads: all calls from any thread.
class Activations {
public:
    /// Nothing is made before the first activation. \param pool  must outlive this
    Activations(ThinPool& pool, ActivePool where);
    Activations(const Activations&) = delete;
    Activations& operator=(const Activations&) = delete;
    /// Nothing may be active, see try_close().
    ~Activations();

    /// A read-only device that is active stays so for everybody who asks for it; each
    /// Purpose::device is undone by a deactivation of its own. So does a writable one that is to be
    /// mounted, or that is there only because it is.
    /// \throws Error(busy)  it is active otherwise, or leaving; who uses it is in the text
    /// \throws rpc::Fault(ending)  after try_close()
    /// \throws see attach::EmbeddedActivator
    [[nodiscard]] attach::ActiveDevice activate(const attach::ActivateRequest& request,
                                                Purpose purpose);

    /// Takes back one activation for that purpose. The device goes with the last; what was there
    /// for a mount, only when nothing of it is mounted.
    /// \return whether it has gone, or is going
    /// \throws Error(busy)       it is in use, by whom is in the text
    /// \throws Error(not_found)  it is not active
    bool deactivate(DeviceId id, Purpose purpose, attach::Deactivate how);

    /// Takes a device away from whoever uses it, with its mounts in every namespace. What was
    /// written there is flushed if those who have files open let go within a moment.
    void take_away(DeviceId id);

    /// See attach::Activator::resize().
    void resize(DeviceId id, std::uint64_t size);

    [[nodiscard]] std::vector<attach::ActiveDevice> list();
    [[nodiscard]] std::optional<attach::ActiveDevice> find(DeviceId id);

    /// Lets go of what was there for a mount and has none any more. For a call now and then.
    void tidy();
    /// Lets go of all that nobody uses.
    void release_unused();
    /// From now on there are no activations, if nothing is active. \return whether that is so
    [[nodiscard]] bool try_close();

    /// Holds still what is mounted from the device, see snapshotter::Context::freeze. What was
    /// written to the block device itself is in the pool when it returns.
    /// \return null when nothing is mounted
    [[nodiscard]] std::unique_ptr<snapshotter::Stillness> freeze(DeviceId id);

private:
    using Clock = std::chrono::steady_clock;
    struct Hold {
        unsigned activations = 0;     ///< for Purpose::device
        Clock::time_point last_mount; ///< when somebody wanted to mount it
    };

    [[nodiscard]] attach::Activator& activator() TS_REQUIRES(mutex_);
    [[nodiscard]] std::optional<attach::ActiveDevice> find_present(DeviceId id) TS_REQUIRES(mutex_);
    void release(bool (*wants)(const Hold& hold, Clock::time_point now));

    ThinPool& pool_;
    const ActivePool where_;
    Mutex mutex_; ///< held through each activation and deactivation
    std::optional<attach::RuntimeDirectory> directory_ TS_GUARDED_BY(mutex_);
    std::unique_ptr<attach::Activator> activator_ TS_GUARDED_BY(mutex_);
    std::map<DeviceId, Hold> holds_ TS_GUARDED_BY(mutex_);
    bool is_closed_ TS_GUARDED_BY(mutex_) = false;
};

/// A container's device with its file system, whose journal starts with the first change.
[[nodiscard]] attach::ActivateRequest request_of(const journal::Container& container,
                                                 bool read_only);

/// "web is active as /dev/loop3 and db as /dev/loop4": why a server has to stay.
[[nodiscard]] std::string in_use_text(const std::vector<attach::ActiveDevice>& devices);

/// Cleans up after a server that died, see attach::clean_up(); call it with the pool's lock held.
/// Cheap if there is nothing to do. \return what it held, and what cannot be cleaned up, for people
[[nodiscard]] std::vector<std::string> clean_up_after_server(const std::string& uuid);

} // namespace thinsnap::service
