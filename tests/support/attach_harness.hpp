#pragma once

#include <memory>
#include <optional>
#include <string>

#include "attach/embedded_activator.hpp"
#include "attach/mounts.hpp"

#include "support/embedded_pool_harness.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

/// Why thin devices cannot be made block devices here; nothing when they can. Asked once.
[[nodiscard]] const std::optional<std::string>& why_no_attach();

/// A pool in memory whose devices become block devices below a directory of its own. What a failed
/// case leaves active is unmounted, detached and removed with it.
class AttachHarness {
public:
    /// \param runtime_base  else one of its own
    explicit AttachHarness(const PoolShape& shape = {.data_chunks = 2048},
                           std::string runtime_base = {});
    /// The same over a pool of the caller's, which must outlive this.
    explicit AttachHarness(ThinPool& pool, std::string runtime_base = {});
    ~AttachHarness();
    AttachHarness(const AttachHarness&) = delete;
    AttachHarness& operator=(const AttachHarness&) = delete;

    [[nodiscard]] ThinPool& pool() { return pool_; }
    /// Makes the pool in memory larger. Not for a pool of the caller's.
    void grow_pool(std::uint64_t data_chunks);
    [[nodiscard]] attach::EmbeddedActivator& activator() { return *activator_; }
    [[nodiscard]] attach::RuntimeDirectory directory() const;
    [[nodiscard]] const std::string& runtime_base() const { return runtime_base_; }
    [[nodiscard]] static const char* uuid();

    /// Makes an empty thin device of that number and activates it.
    attach::ActiveDevice make_active(std::uint32_t id, std::uint64_t size);
    void create(std::uint32_t id);
    void snapshot(std::uint32_t id, std::uint32_t origin);
    attach::ActiveDevice activate(std::uint32_t id, std::uint64_t size, bool read_only = false);

    /// Runs mkfs.ext4; a new directory below this harness's.
    static void make_file_system(const attach::ActiveDevice& device);
    [[nodiscard]] std::string make_directory(const std::string& name);

private:
    TempDir temp_;
    std::string runtime_base_;
    std::unique_ptr<EmbeddedPoolHarness<4096>> own_;
    ThinPool& pool_;
    std::unique_ptr<attach::EmbeddedActivator> activator_;
};

/// An active device's file system, mounted until this goes, whatever has become of it: frozen, or
/// its device dead.
class MountedDevice {
public:
    /// \param directory  an empty one
    MountedDevice(const attach::ActiveDevice& device,
                  std::string directory,
                  bool read_only = false);
    MountedDevice(const MountedDevice&) = delete;
    MountedDevice& operator=(const MountedDevice&) = delete;
    ~MountedDevice();

    void unmount() const;
    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] attach::MountPlace place() const;

private:
    dev_t device_;
    std::string directory_;
};

/// The process's open descriptors and threads, the machine's loop devices and mounts: what must
/// not grow.
struct Resources {
    std::size_t descriptors = 0;
    std::size_t threads = 0;
    std::size_t loops = 0; ///< whose backing file lies below the directory
    std::size_t mounts = 0;
    bool operator==(const Resources&) const = default;
};
[[nodiscard]] Resources count_resources(const std::string& below);

} // namespace thinsnap::test
