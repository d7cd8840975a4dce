#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/thin_pool.hpp>

namespace thinsnap::app {

/// What a pool's superblock says: what the last commit left.
struct PoolGlance {
    std::string uuid{};
    std::uint64_t chunk_size = 0;
    SpaceUse data{};     ///< chunks
    SpaceUse metadata{}; ///< blocks of 4 KiB
    bool needs_check = false;
};

/// Takes no lock and changes nothing; beside a writer it is what was true a moment ago.
/// \return nothing where there is no pool, or it cannot be read
/// Cost: one block is read, and the configuration.
[[nodiscard]] std::optional<PoolGlance> glance_at_pool(const std::filesystem::path& directory);

/// What a user should be warned of, a line each: little space left, a check that is due.
[[nodiscard]] std::vector<std::string> warnings_of(const PoolGlance& pool);

} // namespace thinsnap::app
