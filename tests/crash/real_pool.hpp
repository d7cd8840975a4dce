#pragma once

#include <map>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "pdata/block.hpp"

#include "support/pool_model.hpp"
#include "support/sparse_bytes.hpp"

namespace thinsnap::test {

/// A pool that the engine made and used, at rest: trees of several levels, shared nodes, counts in
/// both overflow trees. What it holds is in the model.
struct RealPool {
    SparseBytes metadata;
    SparseBytes data;
    PoolModel model;
    std::uint64_t device_size = 0; ///< of all devices, as far as it is interesting
};

[[nodiscard]] const RealPool& real_pool();

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

/// Opens the pool, reads everything, asks everything, then writes, snapshots, discards and deletes.
/// Errors are collected; anything else than an Error passes.
[[nodiscard]] Outcome use_pool(const SparseBytes& metadata, const SparseBytes& data);

} // namespace thinsnap::test
