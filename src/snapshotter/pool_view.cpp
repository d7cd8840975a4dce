#include "snapshotter/pool_view.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::snapshotter {

std::unordered_set<DeviceId> devices_of(ThinPool& pool) {
    std::unordered_set<DeviceId> devices;
    pool.read_view()->for_each_device([&](const DeviceInfo& info) { devices.insert(info.id); });
    return devices;
}

bool takes_changes(const PoolStatus& status) noexcept {
    return status.mode == PoolMode::write || status.mode == PoolMode::out_of_data_space;
}

void require_fit(const journal::Contents& contents,
                 const PoolStatus& status,
                 const journal::JournalDirectory& directory) {
    const std::string path = directory.path_of(journal::kFileName);
    const std::string uuid = to_string(contents.header.pool);
    if (uuid != status.uuid)
        throw Error(Errc::precondition,
                    fmt::format("{} is the journal of the pool {}, this is the pool {}",
                                path,
                                uuid.empty() ? "without a UUID" : uuid,
                                status.uuid.empty() ? "without a UUID" : status.uuid));
    const std::uint64_t journal = contents.transaction.value();
    const std::uint64_t pool = status.transaction_id.value();
    if (journal == pool || (contents.last && journal - pool == 1))
        return;
    throw Error(Errc::precondition,
                fmt::format("{} is at transaction {}, the pool at {}: the {} is ahead by {}; "
                            "'thinsnap pool repair' shows what that means",
                            path,
                            journal,
                            pool,
                            journal > pool ? "journal" : "pool",
                            journal > pool ? journal - pool : pool - journal));
}

} // namespace thinsnap::snapshotter
