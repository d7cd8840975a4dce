#include <random>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/core.h>

#include "engine/mapping_cache.hpp"
#include "thin/format_pool.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kLookups = 2'000'000;

/// Metadata alone: mappings to chunks of a data device that nobody reads.
void map_all(thin::PoolMetadata& metadata, std::uint64_t mappings) {
    metadata.create_thin(DeviceId(1));
    for (std::uint64_t chunk = 0; chunk < mappings; ++chunk)
        metadata.map(DeviceId(1), VirtualChunk(chunk), metadata.reserve_data(1)->begin);
    metadata.prepare_commit();
    metadata.write_commit([] {});
    static_cast<void>(metadata.finish_commit());
}

template <class Find>
double millions_per_second(std::uint64_t mappings, const Find& find) {
    std::uint64_t found = 0;
    const double taken = seconds([&] {
        std::mt19937_64 random(7);
        for (std::uint64_t i = 0; i < kLookups; ++i)
            found += find(VirtualChunk(random() % mappings)) ? 1U : 0U;
    });
    if (found != kLookups)
        throw std::runtime_error("a lookup did not find its mapping");
    return static_cast<double>(kLookups) / taken / 1e6;
}

} // namespace

std::vector<Figure> lookups(const fs::path& directory, const Scale& scale) {
    fs::create_directories(directory);
    open_file(directory / "metadata", O_RDWR | O_CREAT).reset();
    io::FileDevice file(directory / "metadata");
    file.resize(256U << 20U);
    file.write_zeros(0, file.size());
    thin::format_pool(file, {.nr_data_chunks = scale.mappings + 100, .uuid = {}});
    constexpr std::size_t cache_blocks = 16384; // 64 MiB, the default
    {
        thin::PoolMetadata metadata(file, cache_blocks);
        map_all(metadata, scale.mappings);
    }

    std::vector<double> opening;
    opening.reserve(static_cast<std::size_t>(scale.rounds));
    for (int round = 0; round < scale.rounds; ++round)
        opening.push_back(1e3 * seconds([&] { thin::PoolMetadata metadata(file, cache_blocks); }));

    std::vector<double> tree;
    std::vector<double> cache;
    thin::PoolMetadata metadata(file, cache_blocks);
    engine::MappingCache mappings(scale.mappings * 64);
    const std::uint64_t instance = mappings.new_instance();
    const auto from_tree = [&](VirtualChunk c) { return metadata.lookup(DeviceId(1), c); };
    const auto as_devices_do = [&](VirtualChunk c) {
        if (const auto known = mappings.find(instance, c))
            return *known;
        const auto found = metadata.lookup(DeviceId(1), c);
        mappings.put(instance, c, found);
        return found;
    };
    for (int round = 0; round <= scale.rounds; ++round) {
        const double through_tree = millions_per_second(scale.mappings, from_tree);
        const double through_cache = millions_per_second(scale.mappings, as_devices_do);
        if (round == 0)
            continue; // warms both
        tree.push_back(through_tree);
        cache.push_back(through_cache);
    }

    const auto of = fmt::format("{} mappings", scale.mappings);
    std::vector<Figure> figures{
        absolute("opening a pool of " + of, "ms", median(opening), 100, false),
        absolute("random lookups in " + of + ", warm", "million/s", median(cache), 5, true),
        absolute("the same, metadata tree only", "million/s", median(tree), 0, true)};
    figures.back().judged = false;
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
