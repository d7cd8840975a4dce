#pragma once

#include <map>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "pdata/block.hpp"

#include "support/pool_model.hpp"
#include "support/sparse_bytes.hpp"

namespace thinsnap::test {

struct RealPoolShape {
    std::uint64_t metadata_blocks = 17000; ///< two bitmaps
    std::uint64_t data_chunks = 2000;
    std::uint64_t device_chunks = 700; ///< of the device that is snapshotted: three leaves
    std::uint32_t small_devices = 150; ///< two leaves of details
};

/// A pool that the engine made and used, at rest: trees of several levels, shared nodes, counts in
/// both overflow trees. What it holds is in the model.
struct RealPool {
    RealPoolShape shape;
    SparseBytes metadata;
    SparseBytes data;
    PoolModel model;
};

[[nodiscard]] RealPool make_real_pool(const RealPoolShape& shape);

/// What a metadata block is for.
enum class Purpose {
    superblock,
    metadata_index,
    metadata_bitmap,
    metadata_overflow,
    data_index,
    data_bitmap,
    data_overflow,
    details,
    top_level,
    mappings
};
[[nodiscard]] const char* name_of(Purpose purpose);

/// Every metadata block in use and its purpose, found by walking from the superblock.
[[nodiscard]] std::map<std::uint64_t, Purpose> blocks_of(const SparseBytes& metadata);
[[nodiscard]] pdata::BlockKind kind_of(Purpose purpose);

/// What came of using a pool on damaged metadata.
struct Outcome {
    bool opened = false;
    std::vector<std::string> errors;   ///< texts of the Errors that were met
    std::vector<std::uint64_t> blocks; ///< that the CorruptionErrors among them name
    std::vector<std::string> wrong;    ///< reads that gave bytes which nobody wrote
};

/// Opens the pool on other metadata, asks everything, reads, then writes, snapshots, discards and
/// deletes. Errors are collected; anything else than an Error passes.
/// \param stride  chunks from one read to the next
[[nodiscard]] Outcome
use_pool(const RealPool& truth, const SparseBytes& metadata, std::uint64_t stride);

} // namespace thinsnap::test
