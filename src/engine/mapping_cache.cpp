#include "engine/mapping_cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace thinsnap::engine {

namespace {

constexpr std::uint64_t kUnmapped = ~std::uint64_t{0}; // no data chunk has that number

/// Spreads neighbouring chunks over shards and slots. Constant: 2^64 divided by the golden ratio.
std::uint64_t scatter(std::uint64_t key) {
    key *= 0x9E3779B97F4A7C15U;
    return key ^ (key >> 32U);
}

} // namespace

MappingCache::MappingCache(std::size_t bytes)
    : slots_per_shard_(std::max<std::size_t>(bytes / sizeof(Slot) / kShards, 1))
    // Not a vector, which would write it all: most commands look at a few mappings only. A slot of
    // zeros is an unused one.
    , memory_(static_cast<Slot*>(std::calloc(kShards * slots_per_shard_, sizeof(Slot)))) {
    if (!memory_)
        throw std::bad_alloc();
    std::span<Slot> rest(memory_.get(), kShards * slots_per_shard_);
    for (Shard& shard : shards_) {
        const MutexLock lock(shard.mutex);
        shard.slots = rest.first(slots_per_shard_);
        rest = rest.subspan(slots_per_shard_);
    }
}

void MappingCache::Free::operator()(Slot* slots) const noexcept {
    std::free(slots);
}

std::uint64_t MappingCache::new_instance() {
    return next_instance_.fetch_add(1, std::memory_order_relaxed);
}

std::optional<MappingCache::Place> MappingCache::place_of(std::uint64_t instance,
                                                          VirtualChunk chunk) {
    if (chunk.value() >> kChunkBits != 0 || instance >> (64 - kChunkBits) != 0)
        return std::nullopt; // such a device is read from its tree every time
    const std::uint64_t key = instance << kChunkBits | chunk.value();
    const std::uint64_t hash = scatter(key);
    return Place{
        shards_[hash % kShards], static_cast<std::size_t>(hash / kShards % slots_per_shard_), key};
}

std::optional<MappingCache::Entry> MappingCache::find(std::uint64_t instance, VirtualChunk chunk) {
    const auto place = place_of(instance, chunk);
    if (!place)
        return std::nullopt;
    const MutexLock lock(place->shard.mutex);
    const Slot& slot = place->shard.slots[place->slot];
    if (slot.key != place->key)
        return std::nullopt;
    return slot.value == kUnmapped ? Entry{} : Entry{thin::unpack_mapping(slot.value)};
}

void MappingCache::put(std::uint64_t instance, VirtualChunk chunk, const Entry& entry) {
    const auto place = place_of(instance, chunk);
    if (!place)
        return;
    const MutexLock lock(place->shard.mutex);
    place->shard.slots[place->slot] = {place->key, entry ? thin::pack_mapping(*entry) : kUnmapped};
}

void MappingCache::forget(std::uint64_t instance, VirtualChunk chunk) {
    const auto place = place_of(instance, chunk);
    if (!place)
        return;
    const MutexLock lock(place->shard.mutex);
    Slot& slot = place->shard.slots[place->slot];
    if (slot.key == place->key)
        slot = {};
}

void MappingCache::clear() {
    for (Shard& shard : shards_) {
        const MutexLock lock(shard.mutex);
        std::ranges::fill(shard.slots, Slot{});
    }
}

} // namespace thinsnap::engine
