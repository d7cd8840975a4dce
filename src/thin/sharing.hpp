#pragma once

#include <memory>
#include <optional>

#include "pdata/block_cache.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin {

/// Whether something in committed metadata has more than one pointer to it.
///
/// A chunk with one mapping is still shared if the leaf that holds the mapping, or a node above
/// that, is: ask for every node on the way down first.
class Sharing {
public:
    Sharing() = default;
    Sharing(const Sharing&) = delete;
    Sharing& operator=(const Sharing&) = delete;
    virtual ~Sharing() = default;

    /// \throws CorruptionError  here and below: no such block, or it is not counted at all
    [[nodiscard]] virtual bool is_shared(MetaBlock block) = 0;
    [[nodiscard]] virtual bool is_shared(DataChunk chunk) = 0;
};

/// By the space maps that `superblock` points to. The copy behind a held root has none: there all
/// devices are walked once to count.
[[nodiscard]] std::unique_ptr<Sharing> make_sharing(pdata::BlockCache& cache,
                                                    const Superblock& superblock);

} // namespace thinsnap::thin
