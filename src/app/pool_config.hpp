#pragma once

#include <string>
#include <string_view>

#include "engine/embedded_pool.hpp"

namespace thinsnap::app {

/// What a pool's thinsnap.toml says; see thinsnap.conf(5). Whatever is not said has its default.
struct PoolConfig {
    std::string data; ///< the data file or block device; empty: the file `data` of the pool
    engine::EngineOptions engine;
};

/// \param name  the file's name for errors
/// \throws Error(invalid_argument)  not TOML, an unknown table or key, a value of the wrong type or
///                                  out of range: with name and line
[[nodiscard]] PoolConfig parse_pool_config(std::string_view text, const std::string& name);

/// The configuration in `path`, the defaults when there is no such file.
/// \throws SystemError, and see parse_pool_config()
[[nodiscard]] PoolConfig read_pool_config(const std::string& path);

/// The text of a new pool's thinsnap.toml.
/// \param data  as in PoolConfig
[[nodiscard]] std::string render_pool_config(const std::string& data);

} // namespace thinsnap::app
