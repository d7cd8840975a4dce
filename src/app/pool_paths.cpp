#include "app/pool_paths.hpp"

namespace thinsnap::app {

namespace fs = std::filesystem;

PoolPaths paths_of(const fs::path& directory, const PoolConfig& config) {
    const fs::path absolute = fs::absolute(directory).lexically_normal();
    return {.directory = absolute,
            .metadata = absolute / "metadata",
            .data = absolute / (config.data.empty() ? "data" : config.data),
            .journal = absolute / "journal",
            .config = absolute / "thinsnap.toml",
            .lock = absolute / "lock"};
}

} // namespace thinsnap::app
