#include "unit/pdata/rig.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace thinsnap::test {

using pdata::BtreeReader;
using pdata::MetadataSpaceMap;
using pdata::NodeView;

namespace {

MetadataSpaceMap empty_map(std::uint64_t blocks) {
    MetadataSpaceMap map(blocks);
    static_cast<void>(map.allocate());
    return map;
}

struct Bounds {
    std::uint64_t first = 0;            ///< no key below this
    std::optional<std::uint64_t> limit; ///< no key from this on
};

struct Walk {
    const BtreeReader& reader;
    TreeAudit& audit;
    int leaf_depth = -1;

    void complain(MetaBlock where, const std::string& text) const {
        audit.damage.push_back(fmt::format("node {}: {}", where.value(), text));
    }

    void check_node(MetaBlock where, NodeView node, const Bounds& bounds, int depth) const {
        const std::uint32_t max = pdata::max_entries_for(node.value_size());
        if (node.max() != max)
            complain(where, fmt::format("max is {}", node.max()));
        if (depth > 0 && node.size() < pdata::min_entries(max))
            complain(where, fmt::format("has only {} entries", node.size()));
        for (std::uint32_t i = 0; i < node.size(); ++i)
            if (node.key(i) < bounds.first || (bounds.limit && node.key(i) >= *bounds.limit))
                complain(where, fmt::format("key {} is not its business", node.key(i)));
    }

    void enter(MetaBlock where, const Bounds& bounds, int depth) {
        if (audit.pointers[where]++ > 0)
            return;
        const pdata::ReadRef block = reader.node(where);
        const NodeView node(block.bytes());
        check_node(where, node, bounds, depth);
        if (node.is_leaf()) {
            if (leaf_depth >= 0 && depth != leaf_depth)
                complain(where, fmt::format("is a leaf at depth {}", depth));
            leaf_depth = depth;
            for (std::uint32_t i = 0; i < node.size() && node.value_size() == 8; ++i)
                ++audit.value_pointers[node.value64(i)];
            return;
        }
        for (std::uint32_t i = 0; i < node.size(); ++i) {
            const auto limit = i + 1 < node.size() ? std::optional(node.key(i + 1)) : bounds.limit;
            enter(node.child(i), {node.key(i), limit}, depth + 1);
        }
    }
};

} // namespace

void GuardedDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    {
        const MutexLock lock(mutex_);
        for (std::uint64_t at = offset; at < offset + from.size(); at += pdata::kBlockSize)
            if (blocks_.contains(at / pdata::kBlockSize))
                violations_.push_back(at / pdata::kBlockSize);
    }
    ForwardingDevice::write(offset, from);
}

void GuardedDevice::protect(std::set<std::uint64_t> blocks) {
    const MutexLock lock(mutex_);
    blocks_ = std::move(blocks);
}

std::vector<std::uint64_t> GuardedDevice::violations() const {
    const MutexLock lock(mutex_);
    return violations_;
}

PdataRig::PdataRig(std::uint64_t blocks, std::size_t cache_blocks)
    : disk(SparseBytes(blocks * pdata::kBlockSize, SparseBytes::Background::noise))
    , cache(device, cache_blocks)
    , transaction(cache, empty_map(blocks)) {}

pdata::SpaceMapRoot PdataRig::commit() {
    MetadataSpaceMap& map = transaction.space_map();
    saved = map.save(transaction);
    cache.write_back();
    map.committed();
    std::set<std::uint64_t> used;
    for (std::uint64_t i = 0; i < map.nr_blocks(); ++i)
        if (map.count(MetaBlock(i)) > 0)
            used.insert(i);
    device.protect(std::move(used));
    return *saved;
}

void audit_tree(const BtreeReader& reader, MetaBlock root, TreeAudit& audit) {
    Walk{reader, audit}.enter(root, {}, 0);
}

void audit_space_map(PdataRig& rig, TreeAudit& audit) {
    if (!rig.saved)
        return;
    ++audit.pointers[rig.saved->bitmap_root];
    const auto index = rig.cache.read(rig.saved->bitmap_root, pdata::BlockKind::index);
    for (std::uint64_t page = 0; page < pdata::bitmaps_for(rig.saved->nr_blocks); ++page)
        ++audit.pointers[pdata::IndexEntry::unpack(index.bytes().subspan(16 + 16 * page)).bitmap];
    audit_tree(BtreeReader(rig.cache, 4), rig.saved->ref_count_root, audit);
}

std::vector<std::string> wrong_counts(PdataRig& rig, const TreeAudit& audit) {
    std::vector<std::string> wrong;
    const MetadataSpaceMap& map = rig.transaction.space_map();
    for (std::uint64_t i = 1; i < map.nr_blocks(); ++i) {
        const auto found = audit.pointers.find(MetaBlock(i));
        const std::uint32_t expected = found == audit.pointers.end() ? 0 : found->second;
        if (map.count(MetaBlock(i)) != expected)
            wrong.push_back(fmt::format(
                "block {} has count {}, {} expected", i, map.count(MetaBlock(i)), expected));
    }
    return wrong;
}

} // namespace thinsnap::test
