#pragma once

#include <memory>
#include <string>

#include <thinsnap/block_device.hpp>
#include <thinsnap/thin_pool.hpp>

#include "base/mutex.hpp"
#include "dm/control.hpp"

namespace thinsnap::dm {

/// Views of the metadata that the kernel's pool goes on changing, through the one metadata snapshot
/// (held root) that it can keep.
///
/// While a view is open the kernel keeps its blocks. When a second view is asked for, the blocks
/// that the first can reach are copied into memory and it goes on with these: so any number of
/// views may be open, each with what was committed when it was made.
///
/// Threads: all calls from any thread. Must outlive its views.
class MetadataSnapshots {
public:
    /// \param pool      the mapped device's name
    /// \param metadata  what the pool keeps its metadata on; must outlive this
    MetadataSnapshots(Control& control, std::string pool, BlockDevice& metadata);
    MetadataSnapshots(const MetadataSnapshots&) = delete;
    MetadataSnapshots& operator=(const MetadataSnapshots&) = delete;
    ~MetadataSnapshots(); ///< without views

    /// Of what is written now, which the pool commits.
    /// Cost: two commits, one of them when the view goes; with another view open, the metadata of
    /// all devices is read once.
    /// \throws SystemError, CorruptionError
    [[nodiscard]] std::unique_ptr<ReadView> open();

    /// Of what is on the device, for a pool that changes it no more.
    [[nodiscard]] std::unique_ptr<ReadView> open_unchanging();

    /// Lets go of a snapshot that nobody here made: it is left from a crash.
    void release_leftover();

private:
    class SwitchedDevice;
    class Snapshot;

    void let_go(Snapshot& snapshot) noexcept;
    void release() TS_REQUIRES(mutex_);
    [[nodiscard]] std::unique_ptr<ReadView> view_of(const std::shared_ptr<Snapshot>& snapshot);

    Control& control_;
    const std::string pool_;
    BlockDevice& metadata_;
    Mutex mutex_;
    /// The one that the kernel keeps for a view of ours.
    Snapshot* current_ TS_GUARDED_BY(mutex_) = nullptr;
};

} // namespace thinsnap::dm
