#pragma once

#include <unordered_set>

#include <thinsnap/thin_pool.hpp>

#include "journal/reader.hpp"

/// \file
/// What opening, committing and repairing ask of a pool.

namespace thinsnap::snapshotter {

/// Cost: one step for each device.
[[nodiscard]] std::unordered_set<DeviceId> devices_of(ThinPool& pool);

/// Whether the pool can delete, at least.
[[nodiscard]] bool takes_changes(const PoolStatus& status) noexcept;

/// \throws Error(precondition)  the journal is of another pool, or it and the pool are further
///                              apart than a redo could bring together
void require_fit(const journal::Contents& contents,
                 const PoolStatus& status,
                 const journal::JournalDirectory& directory);

} // namespace thinsnap::snapshotter
