#include <algorithm>

#include <fmt/core.h>

#include "support/random.hpp"
#include "support/volatile_device.hpp"

namespace thinsnap::test {

namespace {

using Unflushed = VolatileDevice::Unflushed;
using Kind = Survivors::Kind;

struct Placed {
    std::size_t device = 0;
    Unflushed operation;
};

std::vector<Placed> in_order(std::span<const VolatileDevice* const> devices) {
    std::vector<Placed> all;
    for (std::size_t i = 0; i < devices.size(); ++i)
        for (Unflushed& operation : devices[i]->unflushed())
            all.push_back({i, std::move(operation)});
    std::ranges::sort(all, {}, [](const Placed& p) { return p.operation.number; });
    return all;
}

void perform_part(const Unflushed& operation, std::uint64_t at, std::uint64_t n, SparseBytes& on) {
    if (operation.kind == Unflushed::Kind::write)
        on.write(at, std::span(*operation.bytes).subspan(at - operation.offset, n));
    else if (operation.kind == Unflushed::Kind::zeros)
        on.write_zeros(at, n);
    else
        on.forget(at, n);
}

// `seed` says for each sector whether it made it.
void perform_torn(const Unflushed& operation, std::uint64_t seed, SparseBytes& on) {
    const std::uint64_t end = operation.offset + operation.length;
    for (std::uint64_t at = operation.offset; at < end;) {
        const std::uint64_t sector = at / VolatileDevice::kSector;
        const std::uint64_t next = std::min(end, (sector + 1) * VolatileDevice::kSector);
        if (mix(seed, sector) % 2 == 0)
            perform_part(operation, at, next - at, on);
        at = next;
    }
}

} // namespace

bool survives(const Survivors& survivors, std::size_t device, std::size_t position) {
    switch (survivors.kind) {
    case Kind::none:
        return false;
    case Kind::all:
    case Kind::torn:
        return true;
    case Kind::prefix:
        return position < survivors.value;
    case Kind::single:
        return position == survivors.value;
    case Kind::all_but_one:
        return position != survivors.value;
    case Kind::only_device:
        return device == survivors.value;
    case Kind::random:
        return mix(survivors.value, position) % 2 == 0;
    }
    return false;
}

std::string Survivors::text() const {
    constexpr std::array<const char*, 8> kNames{
        "none", "all", "prefix", "single", "all but", "only device", "random", "torn"};
    return fmt::format("{} {}", kNames.at(static_cast<std::size_t>(kind)), value);
}

std::vector<Survivors> choose_survivors(std::size_t nr_unflushed,
                                        std::size_t nr_devices,
                                        std::size_t effort,
                                        std::uint64_t seed) {
    std::vector<Survivors> choices{{Kind::none, 0}};
    if (nr_unflushed == 0)
        return choices;
    choices.push_back({Kind::all, 0});
    const bool few = nr_unflushed <= effort;
    const std::size_t nr = few ? nr_unflushed : effort;
    for (std::size_t i = 0; i < nr && nr_unflushed > 1; ++i) {
        const auto pick = [&](std::uint64_t salt) {
            return few ? i : mix(seed + salt, i) % nr_unflushed;
        };
        choices.push_back({Kind::single, pick(1)});
        choices.push_back({Kind::all_but_one, pick(2)});
        if (pick(3) > 1)
            choices.push_back({Kind::prefix, pick(3)});
    }
    for (std::size_t i = 0; i < nr_devices && nr_devices > 1 && nr_unflushed > 1; ++i)
        choices.push_back({Kind::only_device, i});
    for (std::size_t i = 0; i < (effort + 1) / 2; ++i) {
        if (nr_unflushed > 2)
            choices.push_back({Kind::random, mix(seed + 4, i)});
        choices.push_back({Kind::torn, mix(seed + 5, i)});
    }
    return choices;
}

std::vector<SparseBytes> images_after_cut(std::span<const VolatileDevice* const> devices,
                                          const Survivors& survivors,
                                          std::span<const std::uint64_t> elsewhere) {
    std::vector<SparseBytes> images;
    for (const VolatileDevice* device : devices)
        images.push_back(device->durable());
    const std::vector<Placed> operations = in_order(devices);
    for (std::size_t i = 0; i < operations.size(); ++i) {
        const Placed& placed = operations[i];
        const auto before = std::ranges::lower_bound(elsewhere, placed.operation.number);
        const auto position = i + static_cast<std::size_t>(before - elsewhere.begin());
        if (!survives(survivors, placed.device, position))
            continue;
        SparseBytes& image = images[placed.device];
        if (survivors.kind == Kind::torn)
            perform_torn(placed.operation, mix(survivors.value, i), image);
        else
            perform_part(placed.operation, placed.operation.offset, placed.operation.length, image);
    }
    return images;
}

} // namespace thinsnap::test
