#include "dm/internal_devices.hpp"

#include <algorithm>

#include "dm/words.hpp"

namespace thinsnap::dm {

namespace {

/// A discard is given to the kernel in pieces, so that others get their turn; and it is slow in
/// proportion to a length in which nothing is mapped.
constexpr std::uint64_t kDiscardStep = std::uint64_t{16} << 30U;
constexpr std::uint64_t kDiscardBlindly = std::uint64_t{1} << 40U;

/// Behind the last byte that the device maps, from its status "SECTORS HIGHEST" or "SECTORS -".
std::uint64_t mapped_end(const Target& status) {
    const auto words = words_of(status.parameters);
    const auto highest = words.size() == 2 ? number_of(words[1]) : std::nullopt;
    return highest ? (*highest + 1) * kSector : 0;
}

void discard(BlockDevice& device, std::uint64_t begin, std::uint64_t end) {
    for (; begin < end; begin += std::min(kDiscardStep, end - begin))
        device.discard(begin, std::min(kDiscardStep, end - begin));
}

} // namespace

InternalDevices::InternalDevices(Pool pool)
    : pool_(std::move(pool)) {}

std::shared_ptr<OpenThin> InternalDevices::acquire(DeviceId id) {
    const auto found = open_.find(id);
    auto thin = found == open_.end() ? start(id) : found->second;
    ++thin->handles;
    return thin;
}

std::shared_ptr<OpenThin> InternalDevices::start(DeviceId id) {
    const std::string name = pool_.names.internal(id);
    if (pool_.control.find(name)) // it could not be removed when it was released
        pool_.control.remove(name, Remove::now);
    pool_.control.create({.name = name,
                          .target = thin_target(pool_.number, id, kSize),
                          .read_only = pool_.read_only,
                          .is_private = true});
    try {
        auto thin = std::make_shared<OpenThin>(id, pool_.control.open(name, pool_.read_only));
        open_.emplace(id, thin);
        return thin;
    } catch (...) {
        pool_.control.remove(name, Remove::when_unused);
        throw;
    }
}

void InternalDevices::release(DeviceId id) {
    const auto found = open_.find(id);
    if (--found->second->handles > 0)
        return;
    found->second->node.reset();
    open_.erase(found);
    pool_.control.remove(pool_.names.internal(id), Remove::now);
}

void InternalDevices::unmap(OpenThin& thin, std::uint64_t begin, std::uint64_t end) {
    end = std::min(
        end, mapped_end(pool_.control.status(pool_.names.internal(thin.id), StatusFlush::no)));
    if (begin >= end)
        return;
    if (end - begin <= kDiscardBlindly) {
        discard(*thin.node, begin, end);
        return;
    }
    const std::uint64_t chunk = pool_.chunk_size;
    pool_.view()->for_each_mapping(thin.id, VirtualChunk(begin / chunk), [&](const MappedRun& run) {
        const std::uint64_t from = run.begin.value() * chunk;
        const std::uint64_t to = from + run.length * chunk;
        if (from < end)
            discard(*thin.node, from, std::min(to, end));
        return to < end;
    });
}

} // namespace thinsnap::dm
