#include "crash/history.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "support/content.hpp"
#include "support/volatile_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kSector = VolatileDevice::kSector;

std::string text_of(const PoolState& state) {
    std::string text = fmt::format("id {}, {} data chunks, {} metadata blocks, devices",
                                   state.transaction_id.value(),
                                   state.data_chunks,
                                   state.metadata_blocks);
    for (const DeviceId id : state.model.devices())
        text += fmt::format(" {}", id.value());
    return text;
}

PoolState structure_of(ThinPool& pool) {
    const PoolStatus status = pool.status();
    PoolState seen{status.transaction_id, status.data.total, status.metadata.total, PoolModel(1)};
    for (const DeviceId id : device_ids(pool))
        seen.model.create(id);
    return seen;
}

/// First sector of `actual` that is in none of the candidates.
std::optional<std::size_t> stray_sector(std::span<const std::byte> actual,
                                        const std::vector<std::vector<std::byte>>& candidates) {
    for (std::size_t at = 0; at < actual.size(); at += kSector) {
        const auto sector = actual.subspan(at, kSector);
        const auto is_it = [&](const std::vector<std::byte>& candidate) {
            return std::ranges::equal(sector, std::span(candidate).subspan(at, kSector));
        };
        if (std::ranges::none_of(candidates, is_it))
            return at / kSector;
    }
    return std::nullopt;
}

} // namespace

bool PoolState::same_structure(const PoolState& other) const {
    return transaction_id == other.transaction_id && data_chunks == other.data_chunks &&
           metadata_blocks == other.metadata_blocks && model.devices() == other.model.devices();
}

History::History(PoolState first) {
    states_.push_back(std::move(first));
}

PoolState& History::next() {
    states_.push_back(PoolState(states_.back()));
    return states_.back();
}

std::optional<History::Range> History::states_like(const PoolState& seen) const {
    std::optional<Range> range;
    for (std::size_t i = all_durable_; i < states_.size(); ++i) {
        if (!states_[i].same_structure(seen))
            continue;
        if (!range)
            range = Range{i, i};
        range->last = i;
    }
    return range;
}

void History::compare(ThinPool& pool,
                      DeviceId id,
                      std::uint64_t bytes,
                      Range range,
                      std::vector<std::string>& violations) const {
    const auto device = pool.open_device(id, {.size = bytes, .read_only = true});
    const auto durable = durable_.find(id);
    if (durable != durable_.end())
        range.first = std::max(range.first, durable->second);
    const std::uint64_t piece = now().model.chunk_size();
    std::vector<std::byte> actual(piece);
    std::vector<std::byte> expected(piece);
    for (std::uint64_t at = 0; at < bytes; at += piece) {
        device->read(at, actual);
        states_[range.last].model.content(id).read(at, expected);
        if (actual == expected)
            continue;
        std::vector<std::vector<std::byte>> candidates;
        for (std::size_t i = range.first; i <= range.last; ++i) {
            states_[i].model.content(id).read(at, expected);
            candidates.push_back(expected);
        }
        if (const auto sector = stray_sector(actual, candidates))
            violations.push_back(
                fmt::format("device {}: the sector at byte {} holds nothing that it may (states "
                            "{} to {} of {})",
                            id.value(),
                            at + *sector * kSector,
                            range.first,
                            range.last,
                            states_.size()));
    }
}

std::vector<std::string> History::violations(ThinPool& pool, std::uint64_t bytes) const {
    std::vector<std::string> violations;
    const PoolState seen = structure_of(pool);
    const auto range = states_like(seen);
    if (!range) {
        violations.push_back(fmt::format("the pool is at {}, it was last at {}, certainly at {}",
                                         text_of(seen),
                                         text_of(now()),
                                         text_of(states_[all_durable_])));
        return violations;
    }
    for (const DeviceId id : seen.model.devices())
        compare(pool, id, bytes, *range, violations);
    return violations;
}

} // namespace thinsnap::test
