#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <thinsnap/thin_pool.hpp>

/// \file
/// How facts are shown to people, and under which keys to programs. The keys are part of the
/// interface, see OUTPUT in thinsnap(8).

namespace thinsnap::tools {

[[nodiscard]] nlohmann::ordered_json json_of(const PoolStatus& status, const std::string& pool);
[[nodiscard]] std::string table_of(const PoolStatus& status, const std::string& pool);

/// Says on standard error what an administrator should look after; nothing when all is well.
void warn_about(const PoolStatus& status);

/// "64.0 KiB (65536)": a size for people that loses nothing.
[[nodiscard]] std::string size_and_bytes(std::uint64_t bytes);

} // namespace thinsnap::tools
