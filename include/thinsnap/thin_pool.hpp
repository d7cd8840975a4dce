#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <thinsnap/block_device.hpp>
#include <thinsnap/types.hpp>

/// \file
/// The interface that every driver of a thin pool stands behind: the embedded engine, the kernel's
/// thin-pool through libdevmapper, and LVM. Layers, containers and the journal are built on this
/// and know no driver.
///
/// A pool is a set of thin devices over one data device cut in chunks. A chunk is copied when it is
/// written while more than one device maps it. Virtual sizes are not the pool's business: a device
/// is an address space of 2^63 bytes, and whoever opens it says how much of that is to be seen.

namespace thinsnap {

/// A new, empty device: everything reads as zeros.
struct CreateThin {
    DeviceId id;
};

/// A new device with the content that `origin` has at that moment; neither sees the other's later
/// writes. `origin` may itself be a snapshot, at any depth; the two are equals afterwards.
struct CreateSnapshot {
    DeviceId id;
    DeviceId origin;
};

/// The device is gone; chunks that nobody else maps become free.
struct DeleteDevice {
    DeviceId id;
};

using PoolOperation = std::variant<CreateThin, CreateSnapshot, DeleteDevice>;

/// What a pool can do at the moment, best first.
enum class PoolMode {
    write,             ///< everything
    out_of_data_space, ///< no chunk can be allocated; mapped chunks are read and written, deletes
                       ///< work
    read_only,         ///< reads only; PoolStatus::reason says why and what to do
    failed,            ///< the metadata cannot be read
};
[[nodiscard]] std::string_view to_string(PoolMode mode) noexcept;

/// Use of one of the pool's two spaces, in its own unit (chunks for data, 4 KiB blocks for
/// metadata).
struct SpaceUse {
    std::uint64_t used = 0;      ///< in use by something committed or about to be
    std::uint64_t total = 0;     ///< all there is
    std::uint64_t low_water = 0; ///< a warning is due when free space falls below this
    std::uint64_t reserve = 0;   ///< new devices are refused when free space falls below this
    [[nodiscard]] std::uint64_t free() const { return total - used; }
};

struct PoolStatus {
    std::string driver; ///< "embedded", "dm" or "lvm"
    std::string uuid;   ///< of the pool, empty where it has none
    PoolMode mode = PoolMode::write;
    std::string reason;       ///< why mode is not `write`, and what to do; else empty
    bool needs_check = false; ///< the superblock's flag: run a check before writing again
    TransactionId transaction_id;
    std::uint64_t chunk_size = 0;       ///< bytes
    SpaceUse data;                      ///< unit: chunks
    SpaceUse metadata;                  ///< unit: 4 KiB blocks
    std::uint64_t devices = 0;          ///< number of thin devices
    std::optional<MetaBlock> held_root; ///< the kernel's metadata snapshot, where one is held
};

/// What the pool records of a device.
struct DeviceInfo {
    DeviceId id;
    std::uint64_t mapped_chunks = 0;
    TransactionId transaction_id;       ///< the pool's when the device was made
    std::uint32_t creation_time = 0;    ///< in snapshots since the pool was made
    std::uint32_t snapshotted_time = 0; ///< when it was last an origin; same unit
};

/// How many chunks a device maps, and how many of these no other device maps.
struct DeviceUsage {
    std::uint64_t mapped_chunks = 0;
    std::uint64_t exclusive_chunks = 0;
    [[nodiscard]] std::uint64_t shared_chunks() const { return mapped_chunks - exclusive_chunks; }
};

/// A run of mapped chunks: virtual chunk begin+i is data chunk data_begin+i, all of one time.
struct MappedRun {
    VirtualChunk begin;
    DataChunk data_begin;
    std::uint64_t length = 0; ///< chunks, at least 1
    std::uint32_t time = 0;
};

enum class DiffKind {
    left_only,  ///< mapped by the left device only
    right_only, ///< mapped by the right device only
    different,  ///< mapped by both, to different chunks
};
[[nodiscard]] std::string_view to_string(DiffKind kind) noexcept;

/// A maximal run of chunks in which two devices differ in one way.
struct DiffRun {
    VirtualChunk begin;
    std::uint64_t length = 0; ///< chunks, at least 1
    DiffKind kind = DiffKind::different;
};

/// The pool's metadata as it was at one commit. Later changes of the pool do not disturb it; chunks
/// that it names may meanwhile have been given new content.
///
/// The pool must outlive its views. While a view is open, metadata blocks freed since are not
/// reused: keep it for as long as a question takes, not for as long as a program runs. Threads: one
/// at a time for each view; any number of views.
class ReadView {
public:
    ReadView() = default;
    ReadView(const ReadView&) = delete;
    ReadView& operator=(const ReadView&) = delete;
    virtual ~ReadView() = default;

    [[nodiscard]] virtual TransactionId transaction_id() = 0;

    /// All devices by ascending id. Cost: one step per device.
    virtual void for_each_device(const std::function<void(const DeviceInfo&)>& visit) = 0;
    [[nodiscard]] virtual std::optional<DeviceInfo> find_device(DeviceId id) = 0;

    /// A device's mappings from `from` on, ascending, as maximal runs; `visit` returns false to
    /// stop. \throws Error(not_found)  no such device
    virtual void for_each_mapping(DeviceId id,
                                  VirtualChunk from,
                                  const std::function<bool(const MappedRun&)>& visit) = 0;

    /// Cost: the metadata nodes that only this device reaches; shared subtrees are not walked.
    /// A metadata snapshot of the kernel (PoolStatus::held_root) counts as one more owner.
    /// \throws Error(not_found)  no such device
    [[nodiscard]] virtual DeviceUsage usage(DeviceId id) = 0;

    /// The runs in which two devices map different chunks, ascending. Equal mappings mean equal
    /// content; different mappings may hold equal bytes.
    /// Cost: follows the difference, not the size: a subtree that both share is skipped.
    /// \throws Error(not_found)  no such device
    virtual void
    diff(DeviceId left, DeviceId right, const std::function<void(const DiffRun&)>& visit) = 0;
};

/// How a device is to be seen.
struct OpenDevice {
    std::uint64_t size = std::uint64_t{1} << 62; ///< bytes; access behind it is refused
    bool read_only = false;
};

/// One thin pool, held by this process.
///
/// Durability: a write to a device is durable after the device's flush(), or after any later commit
/// of the pool; apply() is durable when it returns. After a crash each operation is there whole or
/// not at all.
/// Threads: every call may be made from any thread.
class ThinPool {
public:
    ThinPool() = default;
    ThinPool(const ThinPool&) = delete;
    ThinPool& operator=(const ThinPool&) = delete;
    virtual ~ThinPool() = default;

    [[nodiscard]] virtual PoolStatus status() = 0;

    /// Bytes; a multiple of 64 KiB, at most 1 GiB.
    [[nodiscard]] virtual std::uint64_t chunk_size() const = 0;

    /// Performs all operations in their order, moves the transaction id from `from` to `to`, and
    /// makes it durable; or does nothing. Flushed or not, what was written to a snapshot's origin
    /// before the call is in the snapshot. With no operations it only moves the id.
    ///
    /// Ids are checked before anything is changed: no id may be named twice, except as an origin
    /// after it was made. \throws Error(precondition)    the pool's transaction id is not `from`;
    /// both are in the text \throws Error(already_exists)  an id to be made is taken \throws
    /// Error(not_found)       an origin, or a device to be deleted, is not there \throws
    /// Error(busy)            a device to be deleted is open \throws Error(invalid_argument) an id
    /// over kMaxDeviceId, or named twice \throws Error(no_space)        creation would go below the
    /// reserve; numbers in the text \throws Error(read_only)       see PoolStatus::mode Cost: one
    /// commit, whatever the number of operations and the devices' sizes (a delete: plus the
    ///       nodes that only that device reaches).
    /// Atomicity: promised by the embedded driver. The kernel commits each message by itself, so on
    ///       the others a crash can leave a part done; redoing the batch is safe and covers it.
    virtual void
    apply(std::span<const PoolOperation> operations, TransactionId from, TransactionId to) = 0;

    /// Opens a device for reading and writing at any byte offset. May be opened several times at
    /// once; all of them are one device. A device that is open cannot be deleted. The pool must
    /// outlive it.
    ///
    /// Accesses aligned to 4096 bytes run in parallel; others lock the chunks that they touch.
    /// discard() unmaps the chunks that the range covers entirely, which then read as zeros, and
    /// ignores the rest. allocate() gives the device chunks of its own for the whole range, copies
    /// of shared ones. flush() is shared by all who call it at the same time.
    /// \throws Error(not_found)  no such device
    [[nodiscard]] virtual std::unique_ptr<BlockDevice> open_device(DeviceId id,
                                                                   const OpenDevice& how) = 0;

    /// Makes what was written so far durable and gives a view of it.
    [[nodiscard]] virtual std::unique_ptr<ReadView> read_view() = 0;

    /// Uses the first `bytes` of a data device that has become that large, rounded down to chunks.
    /// \throws Error(invalid_argument)  smaller than now
    virtual void grow_data(std::uint64_t bytes) = 0;

    /// Likewise for the metadata device, rounded down to 4 KiB blocks; space above the format's
    /// limit of 15.88 GiB is not used.
    virtual void grow_metadata(std::uint64_t bytes) = 0;

    /// Makes everything written to any device durable.
    virtual void commit() = 0;
};

} // namespace thinsnap
