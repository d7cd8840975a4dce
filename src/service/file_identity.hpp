#pragma once

#include <string>

#include "rpc/json.hpp"

namespace thinsnap::service {

/// Device and inode of a file, which stay when a directory is moved and differ in a copy; null when
/// there is no such file.
[[nodiscard]] rpc::Json identity_of(const std::string& path);

} // namespace thinsnap::service
