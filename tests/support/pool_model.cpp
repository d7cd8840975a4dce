#include "support/pool_model.hpp"

#include <variant>

namespace thinsnap::test {

void PoolModel::create(DeviceId id) {
    devices_[id];
}

void PoolModel::snapshot(DeviceId id, DeviceId origin) {
    const Device& device = devices_[id] = devices_.at(origin);
    for (const auto& [chunk, token] : device.chunks)
        ++owners_.at(token);
}

void PoolModel::remove(DeviceId id) {
    for (const auto& [chunk, token] : devices_.at(id).chunks)
        give_up(token);
    devices_.erase(id);
}

void PoolModel::apply(const PoolOperation& operation) {
    if (const auto* thin = std::get_if<CreateThin>(&operation))
        create(thin->id);
    else if (const auto* made = std::get_if<CreateSnapshot>(&operation))
        snapshot(made->id, made->origin);
    else
        remove(std::get<DeleteDevice>(operation).id);
}

void PoolModel::give_up(Token token) {
    if (--owners_.at(token) == 0)
        owners_.erase(token);
}

void PoolModel::own(Device& device, std::uint64_t chunk) {
    const auto found = device.chunks.find(chunk);
    if (found != device.chunks.end()) {
        if (owners_.at(found->second) == 1)
            return;
        give_up(found->second);
    }
    device.chunks[chunk] = next_;
    owners_[next_] = 1;
    ++next_;
}

void PoolModel::write(DeviceId id, std::uint64_t offset, std::span<const std::byte> bytes) {
    if (bytes.empty())
        return;
    Device& device = devices_.at(id);
    device.content.write(offset, bytes);
    const std::uint64_t last = (offset + bytes.size() - 1) / chunk_size_;
    for (std::uint64_t chunk = offset / chunk_size_; chunk <= last; ++chunk)
        own(device, chunk);
}

void PoolModel::discard(DeviceId id, std::uint64_t offset, std::uint64_t length) {
    Device& device = devices_.at(id);
    const std::uint64_t begin = (offset + chunk_size_ - 1) / chunk_size_;
    const std::uint64_t end = (offset + length) / chunk_size_;
    if (begin >= end)
        return;
    const auto first = device.chunks.lower_bound(begin);
    const auto last = device.chunks.lower_bound(end);
    for (auto at = first; at != last; ++at)
        give_up(at->second);
    device.chunks.erase(first, last);
    device.content.forget(begin * chunk_size_, (end - begin) * chunk_size_);
}

std::vector<DeviceId> PoolModel::devices() const {
    std::vector<DeviceId> ids;
    for (const auto& [id, device] : devices_)
        ids.push_back(id);
    return ids;
}

const SparseBytes& PoolModel::content(DeviceId id) const {
    return devices_.at(id).content;
}

bool PoolModel::is_mapped(DeviceId id, std::uint64_t chunk) const {
    return devices_.at(id).chunks.contains(chunk);
}

bool PoolModel::is_shared(DeviceId id, std::uint64_t chunk) const {
    const auto& chunks = devices_.at(id).chunks;
    const auto found = chunks.find(chunk);
    return found != chunks.end() && owners_.at(found->second) > 1;
}

DeviceUsage PoolModel::usage(DeviceId id) const {
    DeviceUsage usage;
    for (const auto& [chunk, token] : devices_.at(id).chunks) {
        ++usage.mapped_chunks;
        usage.exclusive_chunks += owners_.at(token) == 1 ? 1U : 0U;
    }
    return usage;
}

std::vector<DiffRun> PoolModel::diff(DeviceId left, DeviceId right) const {
    std::map<std::uint64_t, DiffKind> kinds;
    const auto& theirs = devices_.at(right).chunks;
    for (const auto& [chunk, token] : devices_.at(left).chunks) {
        const auto found = theirs.find(chunk);
        if (found == theirs.end())
            kinds[chunk] = DiffKind::left_only;
        else if (found->second != token)
            kinds[chunk] = DiffKind::different;
    }
    for (const auto& [chunk, token] : theirs)
        if (!is_mapped(left, chunk))
            kinds[chunk] = DiffKind::right_only;
    std::vector<DiffRun> runs;
    for (const auto& [chunk, kind] : kinds) {
        if (!runs.empty() && runs.back().kind == kind &&
            runs.back().begin + runs.back().length == VirtualChunk(chunk))
            ++runs.back().length;
        else
            runs.push_back({VirtualChunk(chunk), 1, kind});
    }
    return runs;
}

std::uint64_t
PoolModel::chunks_to_allocate(DeviceId id, std::uint64_t offset, std::uint64_t length) const {
    std::uint64_t needed = 0;
    for (std::uint64_t chunk = offset / chunk_size_; chunk * chunk_size_ < offset + length; ++chunk)
        needed += !is_mapped(id, chunk) || is_shared(id, chunk) ? 1U : 0U;
    return needed;
}

} // namespace thinsnap::test
