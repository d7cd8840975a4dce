#include "app/pool_glance.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "app/pool_directory.hpp"
#include "base/size_text.hpp"
#include "io/file_device.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::app {

namespace {

constexpr int kReadAttempts = 3; ///< it may be written at this moment
constexpr std::uint64_t kMetadataBlock = 4096;

thin::Superblock read_superblock(const PoolPaths& paths) {
    io::FileDevice metadata(paths.metadata.string(), {.read_only = true, .exclusive = false});
    for (int attempt = 1;; ++attempt) {
        try {
            return thin::read_superblock(metadata);
        } catch (const Error&) {
            if (attempt == kReadAttempts)
                throw;
        }
    }
}

SpaceUse use_of(const pdata::SpaceMapRoot& map, const engine::EngineOptions& options) {
    return {.used = map.nr_allocated,
            .total = map.nr_blocks,
            .low_water = options.low_water_of(map.nr_blocks)};
}

void warn_if_low(std::vector<std::string>& texts,
                 const SpaceUse& use,
                 std::uint64_t unit,
                 std::string_view what,
                 std::string_view option) {
    if (use.free() < use.low_water)
        texts.push_back(fmt::format("{} left for {}, below the low-water mark of {}; delete "
                                    "devices or 'thinsnap pool grow {}'",
                                    format_size(use.free() * unit),
                                    what,
                                    format_size(use.low_water * unit),
                                    option));
}

} // namespace

std::optional<PoolGlance> glance_at_pool(const std::filesystem::path& directory) {
    try {
        const PoolPaths paths = find_pool(directory);
        const PoolConfig config = read_pool_config(paths.config.string());
        const thin::Superblock superblock = read_superblock(paths);
        return PoolGlance{.uuid = to_string(superblock.uuid),
                          .chunk_size = superblock.chunk_size(),
                          .data = use_of(superblock.data_space_map, config.engine),
                          .metadata = use_of(superblock.metadata_space_map, config.engine),
                          .needs_check = superblock.needs_check()};
    } catch (const Error&) { // who needs the pool will be told
        return std::nullopt;
    }
}

std::vector<std::string> warnings_of(const PoolGlance& pool) {
    std::vector<std::string> texts;
    warn_if_low(texts, pool.data, pool.chunk_size, "data", "--size");
    warn_if_low(texts, pool.metadata, kMetadataBlock, "metadata", "--metadata-size");
    if (pool.needs_check)
        texts.emplace_back("the pool wants a check before it is written again: "
                           "'thinsnap pool check --clear-needs-check'");
    return texts;
}

} // namespace thinsnap::app
