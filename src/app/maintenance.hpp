#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "app/pool_directory.hpp"
#include "thin/backup.hpp"
#include "thin/check.hpp"

/// \file
/// Work on a pool's metadata that needs no opened pool: it must be possible on metadata that no
/// pool can be opened on.

namespace thinsnap::app {

/// Runs the full check. A data device that is missing or cannot be opened is itself no finding: the
/// check goes on without its size.
/// \throws SystemError  the metadata cannot be read
[[nodiscard]] thin::CheckResult check_pool(PoolHandle& handle,
                                           bool skip_mappings,
                                           const std::function<void(const thin::Finding&)>& sink);

/// Clears the superblock's flag. Needs exclusive access, and a check that found nothing.
void clear_needs_check(PoolHandle& handle);

/// See thin::dump_xml().
void dump_pool(PoolHandle& handle, const std::function<void(std::string_view)>& write);

/// See thin::write_backup(). \return what is in the backup
thin::BackupInfo backup_pool(PoolHandle& handle,
                             const std::function<void(std::span<const std::byte>)>& write);

struct RestorePool {
    std::string backup{}; ///< the backup's path
    bool force = false;   ///< even if that loses what came after
    std::chrono::milliseconds lock_timeout = PoolLock::kDefaultTimeout;
};

struct RestoredPool {
    PoolPaths paths;
    thin::BackupInfo backup;
    bool changed = true;  ///< false: the pool already had exactly this metadata
    std::string replaced; ///< what the metadata was that is gone, for people
};

/// Puts a backup in the place of a pool's metadata, which may be damaged or missing. A metadata
/// file is replaced as a whole (made beside, renamed): a crash leaves the old or the new one. A
/// block device is overwritten, superblock last.
///
/// Metadata that can still be read is only replaced with `force`: the pool went on since, so its
/// devices would lose what came later, and map chunks that may hold something else by now.
/// \throws Error(precondition)      readable metadata, with what would be lost in the text; or the
///                                  data device is smaller than the backup needs
/// \throws Error(corrupt)           the backup is damaged
/// \throws Error(not_found, busy, invalid_argument, no_space), SystemError, Interrupted
RestoredPool restore_pool(const std::filesystem::path& directory, const RestorePool& options);

} // namespace thinsnap::app
