#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "app/pool_directory.hpp"
#include "journal/state.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::app {

/// A pool with its journal, held by this process to change images and containers. Opening it brings
/// the two together after a crash, see snapshotter::open_store().
///
/// Threads: context() may be used from many.
class SnapshotterHandle {
public:
    /// \throws as PoolHandle, engine::open_embedded_pool() and snapshotter::open_store()
    SnapshotterHandle(const std::filesystem::path& directory,
                      std::chrono::milliseconds lock_timeout);
    ~SnapshotterHandle();
    SnapshotterHandle(const SnapshotterHandle&) = delete;
    SnapshotterHandle& operator=(const SnapshotterHandle&) = delete;

    [[nodiscard]] snapshotter::Context& context();
    [[nodiscard]] PoolHandle& pool();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// A pool with what its journal says, to be read beside other readers; nothing is written.
///
/// Threads: one at a time.
class SnapshotterView {
public:
    /// \throws as SnapshotterHandle
    SnapshotterView(const std::filesystem::path& directory, std::chrono::milliseconds lock_timeout);

    [[nodiscard]] const journal::State& state() const { return state_; }
    [[nodiscard]] PoolHandle& pool() { return pool_; }
    /// Good as long as this is. Work files lie in TMPDIR, else in /var/tmp.
    [[nodiscard]] snapshotter::ReadContext context();

private:
    PoolHandle pool_;
    journal::State state_;
};

/// What the journal of the pool in `directory` says. Takes no lock: beside a writer it is what was
/// true a moment ago. A pool without a journal has nothing yet.
/// \throws Error(not_found)  there is no pool; see journal::read_journal()
[[nodiscard]] journal::State read_journal_state(const std::filesystem::path& directory);

} // namespace thinsnap::app
