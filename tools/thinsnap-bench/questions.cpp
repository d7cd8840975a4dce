#include <algorithm>
#include <random>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/aligned_buffer.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"
#include "image_pool.hpp"
#include "image_set.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kPoolBytes = std::uint64_t{16} << 30U;
constexpr std::uint64_t kBlock = 4096;
constexpr int kWrites = 8; ///< to each container that is written

void write_to_some(ImagePool& pool, const std::vector<DeviceId>& containers, std::size_t some) {
    constexpr std::uint64_t kSize = std::uint64_t{10} << 30U;
    AlignedBuffer block(kBlock);
    std::ranges::fill(block.bytes(), std::byte{0x5A});
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < some; ++i) {
        const auto device =
            pool.context().pool.open_device(containers[i * containers.size() / some], {});
        for (int write = 0; write < kWrites; ++write)
            device->write(random() % (kSize / kBlock) * kBlock, block.bytes());
    }
    pool.context().pool.commit();
}

/// Exclusive bytes by device, counted from every mapping of every device.
std::unordered_map<DeviceId, std::uint64_t> count_in_full(ThinPool& pool) {
    const auto view = pool.read_view();
    std::vector<DeviceId> devices;
    view->for_each_device([&](const DeviceInfo& info) { devices.push_back(info.id); });
    constexpr std::uint32_t kMany = ~std::uint32_t{0};
    std::vector<std::uint32_t> owner(pool.status().data.total, 0); // index in `devices` plus 1
    for (std::uint32_t i = 0; i < devices.size(); ++i)
        view->for_each_mapping(devices[i], VirtualChunk(0), [&](const MappedRun& run) {
            for (std::uint64_t at = 0; at < run.length; ++at) {
                std::uint32_t& known = owner[run.data_begin.value() + at];
                known = known == 0 ? i + 1 : kMany;
            }
            return true;
        });
    std::unordered_map<DeviceId, std::uint64_t> exclusive;
    for (const std::uint32_t known : owner)
        if (known != 0 && known != kMany)
            exclusive[devices[known - 1]] += pool.chunk_size();
    return exclusive;
}

/// \throws std::runtime_error  `df` says something else of a container
void require_same(const nlohmann::json& usage,
                  const std::unordered_map<std::string, std::uint64_t>& counted) {
    std::uint64_t sum = 0;
    for (const auto& container : usage["containers"]) {
        const auto found = counted.find(container["name"]);
        const std::uint64_t expected = found == counted.end() ? 0 : found->second;
        if (container["exclusive"] != expected)
            throw std::runtime_error(fmt::format("df says {} of {}, a full count {}",
                                                 container["exclusive"].dump(),
                                                 container["name"].dump(),
                                                 expected));
        sum += expected;
    }
    if (usage["containers_bytes"] != sum || usage["other_bytes"] != 0 ||
        usage["layers_bytes"] != usage["used_bytes"].get<std::uint64_t>() - sum)
        throw std::runtime_error(fmt::format("df's sums are not those of a full count, {}", sum));
}

void check_usage(ImagePool& pool, const std::vector<DeviceId>& containers) {
    const auto by_device = count_in_full(pool.context().pool);
    std::unordered_map<std::string, std::uint64_t> by_name;
    for (std::size_t i = 0; i < containers.size(); ++i)
        if (const auto found = by_device.find(containers[i]); found != by_device.end())
            by_name[container_name(i)] = found->second;
    pool.close();
    const auto usage = nlohmann::json::parse(output_of(pool.command({"df", "--json"})));
    if (usage["containers"].size() != containers.size() || by_name.empty())
        throw std::runtime_error("df does not list all containers");
    require_same(usage, by_name);
}

} // namespace

std::vector<Figure> questions(const fs::path& directory, const Scale& scale) {
    const SourceImage image = compressed_image(directory, scale);
    ImagePool pool(directory / "asked", kPoolBytes);
    pool.import(image.source, "image");
    const auto containers = pool.fill("image", scale.containers);
    write_to_some(pool, containers, scale.containers / 10);
    check_usage(pool, containers);

    std::vector<Figure> figures;
    const auto of = fmt::format(
        "of {} containers, {} of them written", scale.containers, scale.containers / 10);
    for (const auto& [arguments, bound] :
         {std::pair(Command{"list"}, 100.0), {{"df"}, 1000.0}, {{"df", "-v"}, 1000.0}}) {
        std::vector<double> taken;
        for (int round = 0; round < scale.rounds; ++round)
            taken.push_back(1e3 * run(pool.command(arguments)));
        const std::string command = fmt::format("{}", fmt::join(arguments, " "));
        figures.push_back(absolute(command + " " + of, "ms", median(taken), bound, false));
    }
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
