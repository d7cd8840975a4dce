#pragma once

#include <memory>
#include <string>

#include "attach/embedded_activator.hpp"
#include "journal/objects.hpp"

#include "bench_pool.hpp"

namespace thinsnap::bench {

/// Devices of a pool as block devices. What is left active is cleaned up, whatever uses it.
class ActivePool {
public:
    /// \param pool       must outlive this
    /// \param directory  for what lives as long as this; made if it is not there
    ActivePool(ThinPool& pool, const fs::path& directory);
    ActivePool(const ActivePool&) = delete;
    ActivePool& operator=(const ActivePool&) = delete;
    ~ActivePool();

    /// \return the block device
    std::string activate(DeviceId id, std::uint64_t size);
    /// The same of a container, as the server does it.
    std::string activate(const journal::Container& container);
    void deactivate(DeviceId id);

private:
    attach::RuntimeDirectory directory_;
    std::unique_ptr<attach::EmbeddedActivator> activator_;
};

/// What is mounted on a directory; unmounted at the end, lazily if that was not done before.
class Mounted {
public:
    explicit Mounted(fs::path directory)
        : directory_(std::move(directory)) {}
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted();

    void unmount();
    [[nodiscard]] const fs::path& path() const { return directory_; }

private:
    fs::path directory_;
    bool is_mounted_ = true;
};

/// Mounts the ext4 file system of a block device on a directory, which is made if it is not there.
[[nodiscard]] Mounted mount_device(const std::string& device, const fs::path& directory);
/// Mounts overlayfs there: `lower`, `upper` and `work` are directories in `layers`; the latter two
/// are made.
[[nodiscard]] Mounted mount_overlay(const fs::path& layers, const fs::path& directory);

/// Why nothing can be made active here; empty when it can.
[[nodiscard]] std::string why_not_active();

} // namespace thinsnap::bench
