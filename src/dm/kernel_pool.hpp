#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <thinsnap/error.hpp>
#include <thinsnap/thin_pool.hpp>

#include "base/mutex.hpp"
#include "dm/control.hpp"
#include "dm/internal_devices.hpp"
#include "dm/metadata_snapshots.hpp"
#include "dm/names.hpp"
#include "dm/pool_device.hpp"
#include "dm/pool_status.hpp"

namespace thinsnap::dm {

/// How a pool is driven.
struct KernelPoolOptions {
    /// A writer through open_device() that finds no data space waits this long for some; users of
    /// an active device never wait.
    std::chrono::milliseconds no_space_wait{0};
    double low_water = 0.10; ///< share of either space below which status() warns
    double reserve = 0.02;   ///< share of either space below which new devices are refused
    bool read_only = false;  ///< nothing is written, unless the kernel drives the pool already
};

/// A thin pool that the kernel drives: what it is to do goes there as messages, and bytes through
/// mapped devices.
///
/// The kernel's pool outlives this object as long as one of its devices is active; whoever opens it
/// next goes on with that, resumes what a crash left suspended, and takes away what nobody asked
/// for: devices for this program's own reading and writing, a metadata snapshot. The kernel commits
/// each message by itself and does not tell whether that worked: after each the pool's status is
/// read back.
///
/// What differs from the embedded driver:
/// - A batch is not atomic over a crash. Within it devices are made before others are deleted, so
///   that a failure can still undo all.
/// - A chunk counts as shared until all who did share it have written it: n sharers take n copies.
/// - Without metadata space nothing can be deleted: only growing helps.
/// - The kernel takes all of a metadata device that has become larger, whatever it is told.
///
/// Nobody but this object may send messages to the pool, or use its devices' names.
/// Threads: all calls from any thread. Lock order: the devices, then the metadata snapshot.
class KernelPool final : public ThinPool {
public:
    struct Parts {
        Control& control;
        PoolDevice& metadata;
        PoolDevice& data;
        Names names;
        std::uint64_t chunk_size = 0;
    };

    /// The kernel's pool is there already. See open_kernel_pool().
    KernelPool(Parts parts, const KernelPoolOptions& options);
    KernelPool(const KernelPool&) = delete;
    KernelPool& operator=(const KernelPool&) = delete;
    /// Takes the kernel's pool down if nobody uses it, see take_down().
    ~KernelPool() override;

    [[nodiscard]] PoolStatus status() override;
    [[nodiscard]] std::uint64_t chunk_size() const override { return parts_.chunk_size; }
    void
    apply(std::span<const PoolOperation> operations, TransactionId from, TransactionId to) override;
    [[nodiscard]] std::unique_ptr<BlockDevice> open_device(DeviceId id,
                                                           const OpenDevice& how) override;
    [[nodiscard]] std::unique_ptr<ReadView> read_view() override;
    void grow_data(std::uint64_t bytes) override;
    void grow_metadata(std::uint64_t bytes) override;
    void commit() override;

    /// Commits and takes the kernel's pool down. \return false: devices are active, it stays
    /// \throws Error(io)  the commit failed; it is down nevertheless. SystemError
    bool take_down() TS_EXCLUDES(devices_mutex_);

    [[nodiscard]] bool has_device(DeviceId id) TS_EXCLUDES(devices_mutex_);
    [[nodiscard]] const Names& names() const noexcept { return parts_.names; }
    [[nodiscard]] dev_t number() const noexcept { return number_; } ///< of the pool, for tables

private:
    [[nodiscard]] KernelStatus ask(StatusFlush flush);
    void recover();
    /// \throws Error(read_only)
    void require_writable(const KernelStatus& status) const;
    void reload(std::uint64_t chunks);

    void require_closed(std::span<const PoolOperation> operations) TS_REQUIRES(devices_mutex_);
    void require_reserve(std::span<const PoolOperation> operations,
                         const KernelStatus& status) const;
    void change(std::span<const PoolOperation> operations) TS_REQUIRES(devices_mutex_);
    void create(const PoolOperation& operation) TS_REQUIRES(devices_mutex_);
    void destroy(DeviceId id) TS_REQUIRES(devices_mutex_);
    void undo(const std::vector<DeviceId>& made) TS_REQUIRES(devices_mutex_);
    /// The mapped devices of a thin device that run.
    [[nodiscard]] std::vector<std::string> running(DeviceId id);
    void send(const std::string& message);
    /// \throws Error(io)  the kernel's pool takes no changes any more: the last one may be lost
    static void require_committed(const std::string& what, const KernelStatus& status);
    [[nodiscard]] std::optional<Error> explain();

    const Parts parts_;
    const KernelPoolOptions options_;
    dev_t number_ = 0;
    MetadataSnapshots snapshots_;
    Mutex devices_mutex_; ///< held through apply(): no device opens or closes while devices change
    std::set<DeviceId> ids_ TS_GUARDED_BY(devices_mutex_);
    InternalDevices open_; ///< guarded by devices_mutex_, but for unmap()
};

/// Opens the pool on two devices: goes on with the kernel's, or starts one.
/// \param control, metadata, data  must outlive the pool
/// \throws Error(precondition)      the pool has no UUID, or the kernel has it on other devices
/// \throws Error(invalid_argument)  the data device is shorter than the metadata says
/// \throws see thin::read_superblock(); SystemError
[[nodiscard]] std::unique_ptr<KernelPool> open_kernel_pool(Control& control,
                                                           PoolDevice& metadata,
                                                           PoolDevice& data,
                                                           const KernelPoolOptions& options = {});

} // namespace thinsnap::dm
