#include "thin/check.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/aligned_buffer.hpp"
#include "thin/check/device_check.hpp"
#include "thin/check/leaves.hpp"
#include "thin/check/space_map_check.hpp"
#include "thin/check/superblock_check.hpp"

namespace thinsnap::thin {

namespace {

using check::BlockReader;
using check::ChunkCounts;
using check::DeviceCheck;
using check::DeviceTrees;
using check::Findings;
using check::FoundSpaceMap;
using check::MetBlocks;
using check::SpaceMapCheck;
using check::TreeCheck;
using check::TreeFault;
using check::Use;
using pdata::kBlockSize;

/// One check, from the superblock on down.
class Check {
public:
    Check(BlockDevice& device,
          const CheckOptions& options,
          const std::function<void(const Finding&)>& sink)
        : device_(device)
        , options_(options)
        , findings_(sink)
        , reader_(device) {}

    CheckResult run();

private:
    [[nodiscard]] bool read_superblock();
    void check_sizes();
    void check_all(MetBlocks& met);
    void check_devices(MetBlocks& met);
    void check_held_root(MetBlocks& met, DeviceTrees& trees);
    void find_metadata_map(MetBlocks& met, FoundSpaceMap& map);
    void find_data_map(MetBlocks& met, FoundSpaceMap& map);
    void read_index_block(MetBlocks& met, FoundSpaceMap& map);
    void read_overflow_tree(MetBlocks& met, FoundSpaceMap& map, Use use);
    [[nodiscard]] bool walk_tree(MetBlocks& met, check::LeafCheck& leaves, Use use, MetaBlock root);
    void compare(MetBlocks& met, FoundSpaceMap& metadata, FoundSpaceMap& data);
    void damage(std::string structure, std::optional<MetaBlock> block, std::string message) {
        findings_.add(Severity::damage, std::move(structure), block, std::move(message));
    }

    BlockDevice& device_;
    const CheckOptions& options_;
    Findings findings_;
    BlockReader reader_;
    Superblock superblock_;
    std::uint64_t nr_chunks_there_ = std::numeric_limits<std::uint64_t>::max();
    ChunkCounts chunks_;
    CheckResult result_;
};

CheckResult Check::run() {
    if (read_superblock()) {
        check_sizes();
        const std::uint64_t nr_blocks =
            std::min(superblock_.metadata_space_map.nr_blocks, reader_.nr_blocks());
        if (nr_blocks > 0) {
            MetBlocks met(nr_blocks);
            check_all(met);
            result_.nodes = met.nr_nodes();
        }
    }
    result_.warnings = findings_.warnings();
    result_.leaks = findings_.leaks();
    result_.damages = findings_.damages();
    return result_;
}

bool Check::read_superblock() {
    if (reader_.nr_blocks() == 0) {
        damage(name_of(Use::superblock),
               std::nullopt,
               fmt::format("the device has {} bytes, too few for a superblock", device_.size()));
        return false;
    }
    AlignedBuffer buffer(kBlockSize);
    device_.read(0, buffer.bytes());
    const auto superblock = check::check_superblock(
        buffer.bytes().first<kBlockSize>(), MetaBlock(0), Use::superblock, findings_);
    if (!superblock)
        return false;
    superblock_ = *superblock;
    result_.needs_check = superblock_.needs_check();
    return true;
}

/// Holds the maps' sizes against the devices', and limits them to what the format can have: what
/// follows takes them as they are then.
void Check::check_sizes() {
    auto& metadata = superblock_.metadata_space_map;
    auto& data = superblock_.data_space_map;
    if (metadata.nr_blocks > reader_.nr_blocks() || metadata.nr_blocks == 0)
        damage("metadata space map",
               MetaBlock(0),
               fmt::format("the metadata device has {} blocks, the map {}",
                           reader_.nr_blocks(),
                           metadata.nr_blocks));
    if (superblock_.metadata_nr_blocks > metadata.nr_blocks)
        findings_.add(Severity::warning,
                      name_of(Use::superblock),
                      MetaBlock(0),
                      fmt::format("was made for {} metadata blocks, the map has {}",
                                  superblock_.metadata_nr_blocks,
                                  metadata.nr_blocks));
    if (options_.data_bytes && superblock_.chunk_sectors > 0)
        nr_chunks_there_ = *options_.data_bytes / superblock_.chunk_size();
    if (nr_chunks_there_ < data.nr_blocks)
        damage("data space map",
               MetaBlock(0),
               fmt::format(
                   "the data device has {} chunks, the map {}", nr_chunks_there_, data.nr_blocks));
    metadata.nr_blocks = std::min(metadata.nr_blocks, pdata::kMaxMetadataBlocks);
    data.nr_blocks = std::min(data.nr_blocks, kMaxDataChunks);
}

void Check::check_all(MetBlocks& met) {
    met.point_to(MetaBlock(0));
    met.add(MetaBlock(0), Use::superblock);
    FoundSpaceMap metadata("metadata space map", "metadata block", Use::metadata_bitmap);
    FoundSpaceMap data("data space map", "data chunk", Use::data_bitmap);
    metadata.root = superblock_.metadata_space_map;
    data.root = superblock_.data_space_map;
    find_metadata_map(met, metadata);
    find_data_map(met, data);
    check_devices(met);
    compare(met, metadata, data);
}

bool Check::walk_tree(MetBlocks& met, check::LeafCheck& leaves, Use use, MetaBlock root) {
    TreeCheck tree(reader_, met, findings_, leaves, use);
    tree.walk(std::array{root});
    if (!tree.is_damaged(root))
        return true;
    tree.tell_faults(root, [&](const TreeFault& fault) {
        damage(name_of(use),
               fault.block,
               fault.past
                   ? fmt::format("keys {} to {}: {}", fault.begin, *fault.past - 1, fault.message)
                   : fmt::format("keys from {} on: {}", fault.begin, fault.message));
    });
    return false;
}

void Check::read_overflow_tree(MetBlocks& met, FoundSpaceMap& map, Use use) {
    check::OverflowLeaves leaves;
    map.overflow_complete = walk_tree(met, leaves, use, map.root.ref_count_root);
    map.overflow = std::move(leaves.counts);
    std::ranges::sort(map.overflow);
}

void Check::find_metadata_map(MetBlocks& met, FoundSpaceMap& map) {
    read_index_block(met, map);
    SpaceMapCheck(reader_, met, findings_, map).meet_bitmaps(true);
    read_overflow_tree(met, map, Use::metadata_overflow);
}

void Check::read_index_block(MetBlocks& met, FoundSpaceMap& map) {
    const MetaBlock where = map.root.bitmap_root;
    std::string fault;
    if (!met.contains(where) || where == MetaBlock(0)) {
        fault = "is none that can hold it";
    } else {
        met.point_to(where);
        met.add(where, Use::index_block);
    }
    const auto loaded =
        reader_.load(fault.empty() ? std::vector{where.value()} : std::vector<std::uint64_t>{});
    const auto bytes = loaded.find(where);
    if (fault.empty() && !bytes)
        fault = "cannot be read";
    if (bytes)
        fault = check::find_header_fault(pdata::BlockKind::index, where, *bytes).value_or("");
    // Without it every bitmap is missing; to say so once is enough.
    if (!fault.empty()) {
        met.set_incomplete();
        damage(name_of(Use::index_block), where, fault);
        map.root.nr_blocks = 0;
        return;
    }
    for (std::uint64_t page = 0; page < pdata::bitmaps_for(map.root.nr_blocks); ++page)
        map.pages.push_back(
            {.number = page,
             .entry = pdata::IndexEntry::unpack(
                 bytes->subspan(pdata::IndexEntry::kSize * (page + 1), pdata::IndexEntry::kSize))});
}

void Check::find_data_map(MetBlocks& met, FoundSpaceMap& map) {
    check::IndexLeaves leaves;
    const bool complete = walk_tree(met, leaves, Use::data_index, map.root.bitmap_root);
    for (const auto& [number, entry] : leaves.entries)
        map.pages.push_back({.number = number, .entry = entry});
    std::ranges::stable_sort(map.pages, {}, &FoundSpaceMap::Page::number);
    SpaceMapCheck(reader_, met, findings_, map).meet_bitmaps(complete);
    read_overflow_tree(met, map, Use::data_overflow);
    std::vector<std::uint64_t> numbers;
    for (const auto& page : map.pages)
        if (page.usable && (numbers.empty() || numbers.back() != page.number))
            numbers.push_back(page.number);
    chunks_.set_bitmaps(std::move(numbers));
}

void Check::check_devices(MetBlocks& met) {
    DeviceTrees trees(reader_,
                      met,
                      findings_,
                      chunks_,
                      {.nr_chunks = superblock_.data_space_map.nr_blocks,
                       .nr_there = nr_chunks_there_,
                       .time = superblock_.time});
    DeviceCheck devices(
        trees, findings_, superblock_, {.skip_mappings = options_.skip_mappings, .prefix = ""});
    devices.run();
    result_.devices = devices.nr_devices();
    result_.mappings = devices.nr_mappings();
    if (superblock_.held_root != MetaBlock(0))
        check_held_root(met, trees);
}

void Check::check_held_root(MetBlocks& met, DeviceTrees& trees) {
    const MetaBlock where = superblock_.held_root;
    if (!met.contains(where)) {
        met.set_incomplete();
        damage(name_of(Use::held_superblock),
               where,
               "is said to be in this block, which is none that can hold it");
        return;
    }
    met.point_to(where);
    if (const auto* other = met.find(where)) {
        damage(name_of(Use::held_superblock),
               where,
               fmt::format("is also used as {}", name_of(other->use)));
        return;
    }
    met.add(where, Use::held_superblock);
    const auto loaded = reader_.load({where.value()});
    const auto bytes = loaded.find(where);
    if (!bytes)
        damage(name_of(Use::held_superblock), where, "cannot be read");
    const auto held = bytes
                          ? check::check_superblock(*bytes, where, Use::held_superblock, findings_)
                          : std::nullopt;
    if (!held) {
        met.set_incomplete();
        return;
    }
    DeviceCheck(trees,
                findings_,
                *held,
                {.skip_mappings = options_.skip_mappings, .prefix = "metadata snapshot, "})
        .run();
}

void Check::compare(MetBlocks& met, FoundSpaceMap& metadata, FoundSpaceMap& data) {
    const bool known = !options_.skip_mappings;
    const bool complete = known && !met.is_incomplete();
    SpaceMapCheck(reader_, met, findings_, metadata)
        .compare({.known = known, .complete = complete, .count = [&](std::uint64_t block) {
                      return block < met.size() ? met.pointers(block) : 0;
                  }});
    SpaceMapCheck(reader_, met, findings_, data)
        .compare({.known = known, .complete = complete, .count = [&](std::uint64_t chunk) {
                      return chunks_.count(chunk);
                  }});
}

} // namespace

CheckResult check_metadata(BlockDevice& device,
                           const CheckOptions& options,
                           const std::function<void(const Finding&)>& sink) {
    return Check(device, options, sink).run();
}

} // namespace thinsnap::thin
