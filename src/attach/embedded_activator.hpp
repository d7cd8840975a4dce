#pragma once

#include <map>
#include <memory>

#include <thinsnap/thin_pool.hpp>

#include "attach/activator.hpp"
#include "attach/exported_files.hpp"
#include "attach/loop_device.hpp"
#include "attach/runtime_directory.hpp"
#include "base/mutex.hpp"

namespace thinsnap::attach {

/// The embedded pool's devices as loop devices over files that this process serves.
///
/// Only for a process that stays: its death takes the devices away (see clean_up()). The mount is
/// made by the first activation.
class EmbeddedActivator final : public Activator {
public:
    /// \param pool       must outlive this
    /// \param directory  cleaned up already, see clean_up()
    EmbeddedActivator(ThinPool& pool,
                      RuntimeDirectory directory,
                      const ExportOptions& options = {});
    /// Deactivates what nobody uses. Devices in use fail from then on: see that there are none.
    ~EmbeddedActivator() override;
    EmbeddedActivator(const EmbeddedActivator&) = delete;
    EmbeddedActivator& operator=(const EmbeddedActivator&) = delete;

    ActiveDevice activate(const ActivateRequest& request) override;
    void deactivate(DeviceId id, Deactivate how) override;
    bool try_deactivate(DeviceId id) override;
    void revoke(DeviceId id) override;
    void resize(DeviceId id, std::uint64_t size) override;
    [[nodiscard]] std::vector<ActiveDevice> list() override;
    [[nodiscard]] std::optional<ActiveDevice> find(DeviceId id) override;

private:
    struct Entry {
        ActiveDevice device;
        LoopDevice loop;
        std::shared_ptr<BlockDevice> thin; ///< shared with the exported file; null: revoked
    };
    using Entries = std::map<DeviceId, Entry>;

    [[nodiscard]] ExportedFiles& files() TS_REQUIRES(mutex_);
    [[nodiscard]] Entries::iterator require(DeviceId id) TS_REQUIRES(mutex_);
    void record(const Entry& entry) TS_REQUIRES(mutex_);
    [[nodiscard]] bool wait_for_close(const std::string& name) TS_REQUIRES(mutex_);
    void wait_for_detach(Entry& entry) TS_REQUIRES(mutex_);
    void let_go(Entries::iterator entry) TS_REQUIRES(mutex_);
    void forget(Entries::iterator entry) TS_REQUIRES(mutex_);
    void let_go_of_unused() TS_REQUIRES(mutex_);

    ThinPool& pool_;
    const RuntimeDirectory directory_;
    const ExportOptions options_;
    /// Held through a whole activation. Threads that serve the files never take it.
    Mutex mutex_;
    std::unique_ptr<ExportedFiles> files_ TS_GUARDED_BY(mutex_);
    Entries entries_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::attach
