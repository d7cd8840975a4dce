#pragma once

#include <string>

#include "attach/activator.hpp"

namespace thinsnap::attach {

/// Who uses an active device, for people: mounts, stacked devices and processes, separated by
/// commas. Slow: looks at every process.
[[nodiscard]] std::string users_of(const ActiveDevice& device);

} // namespace thinsnap::attach
