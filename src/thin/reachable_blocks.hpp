#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pdata/block_cache.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin {

/// The metadata blocks that a committed superblock reaches, each with what it is: its trees, both
/// space maps, and all of that again behind a held root. In sound metadata these are the blocks
/// with a count above 0.
class ReachableBlocks {
public:
    /// Walks all trees.
    /// \throws CorruptionError  a block cannot be read as what points to it says
    ReachableBlocks(pdata::BlockCache& cache, const Superblock& superblock);

    /// One past the highest number that there can be.
    [[nodiscard]] std::uint64_t end() const { return kinds_.size(); }
    [[nodiscard]] std::optional<pdata::BlockKind> kind_of(std::uint64_t block) const;
    [[nodiscard]] std::uint64_t count() const { return count_; }

private:
    /// \return whether the block is new
    bool mark(MetaBlock block, pdata::BlockKind kind);
    void add_tree(MetaBlock root, std::uint32_t value_size, auto&& visit_leaf, int depth = 0);
    void add_devices(const Superblock& superblock);
    void add_data_map(const pdata::SpaceMapRoot& root);
    void add_metadata_map(const pdata::SpaceMapRoot& root);
    void add_held(MetaBlock where);

    pdata::BlockCache& cache_;
    std::vector<std::uint8_t> kinds_; ///< one more than the kind's number; 0 for none
    std::uint64_t count_ = 0;
};

} // namespace thinsnap::thin
