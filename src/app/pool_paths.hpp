#pragma once

#include <filesystem>

#include "app/pool_config.hpp"

namespace thinsnap::app {

/// What a pool's directory holds:
///
///     metadata        the pool's metadata, a plain file (or a link to a block device)
///     data            its chunks, a sparse plain file, unless the configuration names another
///     journal         images, layers and containers, see thinsnap-journal(5)
///     thinsnap.toml   the configuration, see thinsnap.conf(5)
///     lock            held while the pool is open; says who holds it
///     socket          where thinsnapd(8) listens while it holds the pool
struct PoolPaths {
    std::filesystem::path directory; ///< absolute
    std::filesystem::path metadata;
    std::filesystem::path data;
    std::filesystem::path journal;
    std::filesystem::path config;
    std::filesystem::path lock;
    std::filesystem::path socket;
};

/// Where the pool is when nobody says: in THINSNAP_POOL, else in /var/lib/thinsnap. For main(),
/// before there are threads.
[[nodiscard]] std::filesystem::path default_pool_directory();

/// \param config  a relative PoolConfig::data starts at the pool's directory
[[nodiscard]] PoolPaths paths_of(const std::filesystem::path& directory, const PoolConfig& config);

} // namespace thinsnap::app
