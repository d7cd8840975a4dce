#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "io/forwarding_device.hpp"
#include "pdata/btree.hpp"
#include "pdata/transaction.hpp"

#include "support/sparse_device.hpp"

namespace thinsnap::test {

/// Passes everything on, and remembers writes to blocks that were declared untouchable.
class GuardedDevice final : public io::ForwardingDevice {
public:
    using ForwardingDevice::ForwardingDevice;

    void write(std::uint64_t offset, std::span<const std::byte> from) override;

    void protect(std::set<std::uint64_t> blocks);
    [[nodiscard]] std::vector<std::uint64_t> violations() const;

private:
    mutable Mutex mutex_;
    std::set<std::uint64_t> blocks_ TS_GUARDED_BY(mutex_);
    std::vector<std::uint64_t> violations_ TS_GUARDED_BY(mutex_);
};

/// A metadata device with a cache and an open transaction, no pool on it. Block 0 is taken, as by a
/// superblock. The device is full of noise.
struct PdataRig {
    explicit PdataRig(std::uint64_t blocks = 4096, std::size_t cache_blocks = 256);

    /// Saves the space map and makes it the committed state; from then on a write to any block in
    /// use is a violation.
    pdata::SpaceMapRoot commit();

    SparseDevice disk;
    GuardedDevice device{disk};
    pdata::BlockCache cache;
    pdata::Transaction transaction;
    std::optional<pdata::SpaceMapRoot> saved;
};

/// What a walk over trees finds; damage is text.
struct TreeAudit {
    std::map<MetaBlock, std::uint32_t> pointers; ///< to each block, by the rules of the format
    std::map<std::uint64_t, std::uint32_t> value_pointers; ///< to each 64-bit leaf value
    std::vector<std::string> damage;
};

/// Walks the tree of `root`, which one pointer leads to; a node met before is counted, not entered.
void audit_tree(const pdata::BtreeReader& reader, MetaBlock root, TreeAudit& audit);

/// Adds the pointers of a saved metadata space map: its index block, bitmaps and overflow tree.
void audit_space_map(PdataRig& rig, TreeAudit& audit);

/// Blocks whose count is not what the audit found, block 0 aside.
[[nodiscard]] std::vector<std::string> wrong_counts(PdataRig& rig, const TreeAudit& audit);

} // namespace thinsnap::test
