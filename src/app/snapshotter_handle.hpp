#pragma once

#include <filesystem>
#include <memory>

#include "app/pool_directory.hpp"
#include "journal/state.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::app {

/// The journal of a pool that this process holds, to change images and containers. Opening it
/// brings the two together after a crash, see snapshotter::open_store().
///
/// Threads: context() may be used from many.
class SnapshotterHandle {
public:
    /// \param pool  held exclusively; must outlive this
    /// \throws as PoolHandle::pool() and snapshotter::open_store()
    explicit SnapshotterHandle(PoolHandle& pool);
    ~SnapshotterHandle();
    SnapshotterHandle(const SnapshotterHandle&) = delete;
    SnapshotterHandle& operator=(const SnapshotterHandle&) = delete;

    [[nodiscard]] snapshotter::Context& context();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// What the journal of a pool says that is held at least for reading; nothing is written.
/// \throws as PoolHandle::pool() and snapshotter::read_state()
[[nodiscard]] journal::State read_pool_state(PoolHandle& pool);

/// What the journal of the pool in `directory` says. Takes no lock: beside a writer it is what was
/// true a moment ago. A pool without a journal has nothing yet.
/// \throws Error(not_found)  there is no pool; see journal::read_journal()
[[nodiscard]] journal::State read_journal_state(const std::filesystem::path& directory);

/// Where work files lie that must not be in the pool, which is only read: TMPDIR, else /var/tmp.
[[nodiscard]] std::filesystem::path temporary_directory();

} // namespace thinsnap::app
