#include "app/pool_paths.hpp"

#include <cstdlib>

namespace thinsnap::app {

namespace fs = std::filesystem;

fs::path default_pool_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe) no thread runs yet
    const char* from_environment = std::getenv("THINSNAP_POOL");
    return from_environment != nullptr && *from_environment != '\0' ? from_environment
                                                                    : "/var/lib/thinsnap";
}

PoolPaths paths_of(const fs::path& directory, const PoolConfig& config) {
    const fs::path absolute = fs::absolute(directory).lexically_normal();
    return {.directory = absolute,
            .metadata = absolute / "metadata",
            .data = absolute / (config.data.empty() ? "data" : config.data),
            .journal = absolute / "journal",
            .config = absolute / "thinsnap.toml",
            .lock = absolute / "lock",
            .socket = absolute / "socket"};
}

} // namespace thinsnap::app
