#include "dm/table.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <thinsnap/error.hpp>

#include "dm/words.hpp"

namespace thinsnap::dm {

namespace {

std::string number_text(dev_t device) {
    return fmt::format("{}:{}", ::major(device), ::minor(device));
}

std::optional<dev_t> parse_device(std::string_view word) {
    const auto numbers = pair_of(word, ':');
    if (!numbers)
        return std::nullopt;
    return makedev(static_cast<unsigned>(numbers->first), static_cast<unsigned>(numbers->second));
}

[[noreturn]] void refuse(const Target& target, std::string_view expected) {
    throw Error(Errc::corrupt,
                fmt::format("the kernel's table has '{} {}' where {} is expected",
                            target.type,
                            target.parameters,
                            expected));
}

} // namespace

Target pool_target(const PoolTable& table) {
    return {.bytes = table.bytes,
            .type = "thin-pool",
            .parameters = fmt::format("{} {} {} {} {} error_if_no_space{}",
                                      number_text(table.metadata),
                                      number_text(table.data),
                                      table.chunk_size / kSector,
                                      table.low_water,
                                      table.read_only ? 2 : 1,
                                      table.read_only ? " read_only" : "")};
}

PoolTable parse_pool_target(const Target& target) {
    const auto words = words_of(target.parameters);
    if (target.type != "thin-pool" || words.size() < 4)
        refuse(target, "a thin-pool");
    const auto metadata = parse_device(words[0]);
    const auto data = parse_device(words[1]);
    const auto chunk_sectors = number_of(words[2]);
    const auto low_water = number_of(words[3]);
    if (!metadata || !data || !chunk_sectors || !low_water)
        refuse(target, "a thin-pool");
    return {.metadata = *metadata,
            .data = *data,
            .bytes = target.bytes,
            .chunk_size = *chunk_sectors * kSector,
            .low_water = *low_water,
            .read_only = std::ranges::find(words, "read_only") != words.end()};
}

Target thin_target(dev_t pool, DeviceId id, std::uint64_t bytes) {
    return {.bytes = (bytes + kSector - 1) / kSector * kSector,
            .type = "thin",
            .parameters = fmt::format("{} {}", number_text(pool), id.value())};
}

ThinTable parse_thin_target(const Target& target) {
    const auto words = words_of(target.parameters);
    if (target.type != "thin" || words.size() != 2)
        refuse(target, "a thin device");
    const auto pool = parse_device(words[0]);
    const auto id = number_of(words[1]);
    if (!pool || !id || *id > kMaxDeviceId.value())
        refuse(target, "a thin device");
    return {.pool = *pool, .id = DeviceId(static_cast<std::uint32_t>(*id))};
}

Target error_target(std::uint64_t bytes) {
    return {.bytes = bytes, .type = "error", .parameters = ""};
}

} // namespace thinsnap::dm
