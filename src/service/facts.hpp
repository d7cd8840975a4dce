#pragma once

#include "journal/objects.hpp"
#include "thin/backup.hpp"

#include "service/json.hpp"

namespace thinsnap::service {

/// A container as container.create and `thinsnap list` tell of it.
[[nodiscard]] Json container_facts(const journal::Container& container);

/// A backup as pool.backup and `thinsnap pool restore` tell of it.
[[nodiscard]] Json backup_facts(const thin::BackupInfo& info);

} // namespace thinsnap::service
