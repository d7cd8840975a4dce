#pragma once

#include <cstdint>
#include <string>

#include "rpc/json.hpp"

/// \file
/// How the facts of a pool's status are shown to people.

namespace thinsnap::tools {

/// \param status  what pool.status gives
[[nodiscard]] std::string table_of(const rpc::Json& status);

/// "64.0 KiB (65536)": a size for people that loses nothing.
[[nodiscard]] std::string size_and_bytes(std::uint64_t bytes);

} // namespace thinsnap::tools
