#pragma once

#include <chrono>
#include <cstdint>

namespace thinsnap::test {

/// A pool as a test wants it; sizes in bytes.
struct PoolShape {
    std::uint64_t chunk_size = 64U << 10U;
    std::uint64_t data_chunks = 256;
    std::uint64_t metadata_bytes = 4U << 20U;
    std::chrono::milliseconds no_space_wait{0};
};

/// What not every driver of ThinPool does; a harness says which of it its driver does.
struct DriverPromises {
    /// A pool without metadata space can still delete and discard.
    bool deletes_without_metadata_space = true;
    /// It uses no more of a metadata device than it was told, however large that has become.
    bool is_told_the_metadata_size = true;
    /// What has nothing to commit flushes no device: commit() and a device's flush().
    bool commits_only_changes = true;
    /// Zeros take no space beneath the pool: a case may write GiBs of them.
    bool stores_no_zeros = true;
};

} // namespace thinsnap::test
