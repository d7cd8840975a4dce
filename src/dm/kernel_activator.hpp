#pragma once

#include <map>
#include <set>
#include <string>

#include "attach/activator.hpp"
#include "base/mutex.hpp"
#include "dm/control.hpp"
#include "dm/kernel_pool.hpp"

namespace thinsnap::dm {

/// A kernel pool's devices as mapped devices of the kernel's.
///
/// They outlive this and its process: what is active is read from the kernel's table of mapped
/// devices, so whoever opens the pool next finds it. What people called a device is known only to
/// the object that activated it; for others it is "thin device 7".
class KernelActivator final : public attach::Activator {
public:
    /// \param control, pool  must outlive this
    KernelActivator(Control& control, KernelPool& pool);
    KernelActivator(const KernelActivator&) = delete;
    KernelActivator& operator=(const KernelActivator&) = delete;
    ~KernelActivator() override = default;

    attach::ActiveDevice activate(const attach::ActivateRequest& request) override;
    void deactivate(DeviceId id, attach::Deactivate how) override;
    bool try_deactivate(DeviceId id) override;
    void revoke(DeviceId id) override;
    void resize(DeviceId id, std::uint64_t size) override;
    [[nodiscard]] std::vector<attach::ActiveDevice> list() override;
    [[nodiscard]] std::optional<attach::ActiveDevice> find(DeviceId id) override;

private:
    [[nodiscard]] std::optional<attach::ActiveDevice> look_at(DeviceId id) TS_REQUIRES(mutex_);
    [[nodiscard]] attach::ActiveDevice require(DeviceId id) TS_REQUIRES(mutex_);
    /// What was written to devices that were leaving, and have gone, is durable then.
    void commit_gone() TS_REQUIRES(mutex_);
    [[nodiscard]] std::string name_of(DeviceId id) const { return pool_.names().active(id); }

    Control& control_;
    KernelPool& pool_;
    Mutex mutex_;
    std::map<DeviceId, std::string> labels_ TS_GUARDED_BY(mutex_); ///< what people call them
    std::set<DeviceId> leaving_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::dm
