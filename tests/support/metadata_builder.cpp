#include "support/metadata_builder.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "pdata/bitmap.hpp"
#include "thin/format/superblock_disk.hpp"
#include "thin/mapping.hpp"

namespace thinsnap::test {

namespace {

using pdata::BlockKind;
using pdata::kBlockSize;
using pdata::kEntriesPerBitmap;
using Block = std::array<std::byte, kBlockSize>;

constexpr std::size_t kNodeHeader = 32;

std::uint32_t room_for(std::uint32_t value_size) {
    return static_cast<std::uint32_t>((kBlockSize - kNodeHeader) / (8 + value_size) / 3 * 3);
}

template <class T>
std::vector<std::byte> bytes_of(T value) {
    std::vector<std::byte> bytes(sizeof value);
    store_le<T>(bytes, 0, value);
    return bytes;
}

std::uint64_t offset_of(MetaBlock where) {
    return where.value() * kBlockSize;
}

std::uint64_t nr_used(const std::map<std::uint64_t, std::uint32_t>& counts) {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(counts, [](const auto& count) { return count.second > 0; }));
}

} // namespace

MetadataImage MetadataImage::copy() {
    MetadataImage other(0);
    other.device_ = std::make_unique<io::ScratchDevice>(content());
    other.data_bitmaps = data_bitmaps;
    other.metadata_bitmaps = metadata_bitmaps;
    other.device_roots = device_roots;
    return other;
}

void MetadataImage::resize(std::uint64_t nr_blocks) {
    std::vector<std::byte> bytes = content();
    bytes.resize(nr_blocks * kBlockSize);
    device_ = std::make_unique<io::ScratchDevice>(bytes);
}

std::vector<std::byte> MetadataImage::content() {
    std::vector<std::byte> bytes(device().size());
    device().read(0, bytes);
    return bytes;
}

void MetadataImage::edit_raw(MetaBlock where, const Edit& change) {
    Block block;
    device().read(offset_of(where), block);
    change(block);
    device().write(offset_of(where), block);
}

void MetadataImage::edit(BlockKind kind, MetaBlock where, const Edit& change) {
    edit_raw(where, [&](pdata::BlockBytes block) {
        change(block);
        pdata::seal(kind, where, block);
    });
}

thin::Superblock MetadataImage::superblock() {
    Block block;
    device().read(0, block);
    return thin::unpack_superblock(block);
}

void MetadataImage::edit_superblock(const std::function<void(thin::Superblock&)>& change) {
    thin::Superblock changed = superblock();
    change(changed);
    edit_raw(MetaBlock(0), [&](pdata::BlockBytes block) { thin::pack(changed, block); });
}

void MetadataImage::set_metadata_field(std::uint64_t block, std::uint32_t field) {
    edit(BlockKind::bitmap,
         metadata_bitmaps.at(block / kEntriesPerBitmap),
         [&](pdata::BlockBytes bytes) {
             pdata::bitmap_set(bytes, static_cast<std::uint32_t>(block % kEntriesPerBitmap), field);
         });
}

void MetadataImage::set_data_field(std::uint64_t chunk, std::uint32_t field) {
    edit(BlockKind::bitmap,
         data_bitmaps.at(chunk / kEntriesPerBitmap),
         [&](pdata::BlockBytes bytes) {
             pdata::bitmap_set(bytes, static_cast<std::uint32_t>(chunk % kEntriesPerBitmap), field);
         });
}

MetadataBuilder::MetadataBuilder(std::uint64_t nr_blocks, std::uint64_t nr_chunks)
    : image_(nr_blocks)
    , nr_blocks_(nr_blocks) {
    superblock_.version = thin::kFormatVersion;
    superblock_.chunk_sectors = 128;
    superblock_.metadata_nr_blocks = nr_blocks;
    superblock_.data_space_map.nr_blocks = nr_chunks;
    superblock_.metadata_space_map.nr_blocks = nr_blocks;
    block_counts_[0] = 1;
}

MetaBlock MetadataBuilder::allocate() {
    TS_ASSERT(next_ < nr_blocks_);
    return MetaBlock(next_++);
}

void MetadataBuilder::write(BlockKind kind, MetaBlock where, pdata::BlockBytes block) {
    pdata::seal(kind, where, block);
    image_.device().write(offset_of(where), block);
}

MetaBlock
MetadataBuilder::write_node(bool is_leaf, std::uint32_t value_size, std::span<const Value> values) {
    const std::uint32_t room = room_for(value_size);
    TS_ASSERT(values.size() <= room);
    Block block{};
    store_le<std::uint32_t>(block, 4, is_leaf ? 2 : 1);
    store_le<std::uint32_t>(block, 16, static_cast<std::uint32_t>(values.size()));
    store_le<std::uint32_t>(block, 20, room);
    store_le<std::uint32_t>(block, 24, value_size);
    for (std::size_t i = 0; i < values.size(); ++i) {
        store_le<std::uint64_t>(block, kNodeHeader + 8 * i, values[i].key);
        std::ranges::copy(values[i].bytes,
                          block.begin() +
                              static_cast<std::ptrdiff_t>(kNodeHeader + 8 * room + value_size * i));
    }
    const MetaBlock where = allocate();
    write(BlockKind::node, where, block);
    return where;
}

MetaBlock MetadataBuilder::leaf(const Entries& mappings) {
    Values values;
    for (const auto& [key, value] : mappings) {
        ++chunk_counts_[thin::unpack_mapping(value).chunk.value()];
        values.push_back({key, bytes_of(value)});
    }
    return write_node(true, 8, values);
}

MetaBlock MetadataBuilder::internal(const std::vector<std::pair<std::uint64_t, MetaBlock>>& nodes) {
    Values values;
    for (const auto& [key, node] : nodes) {
        ++block_counts_[node.value()];
        values.push_back({key, bytes_of(node.value())});
    }
    return write_node(false, 8, values);
}

MetaBlock MetadataBuilder::tree(const Entries& mappings) {
    Values values;
    for (const auto& [key, value] : mappings) {
        ++chunk_counts_[thin::unpack_mapping(value).chunk.value()];
        values.push_back({key, bytes_of(value)});
    }
    return build(8, values);
}

MetaBlock MetadataBuilder::build(std::uint32_t value_size, const Values& values) {
    std::vector<std::pair<std::uint64_t, MetaBlock>> level;
    bool is_leaf = true;
    Values entries = values;
    for (;;) {
        const std::uint32_t width = is_leaf ? value_size : 8;
        const std::size_t room = room_for(width);
        const std::size_t nodes = std::max<std::size_t>(1, (entries.size() + room - 1) / room);
        level.clear();
        std::span<const Value> rest(entries);
        for (std::size_t i = 0; i < nodes; ++i) {
            const std::size_t take = rest.size() / (nodes - i);
            const auto part = rest.first(take);
            level.emplace_back(part.empty() ? 0 : part.front().key,
                               write_node(is_leaf, width, part));
            rest = rest.subspan(take);
        }
        if (nodes == 1)
            return level.front().second;
        entries.clear();
        for (const auto& [key, node] : level) {
            ++block_counts_[node.value()];
            entries.push_back({key, bytes_of(node.value())});
        }
        is_leaf = false;
    }
}

void MetadataBuilder::add_device(const DeviceInfo& info, MetaBlock root) {
    devices_[info.id.value()] = {info, root};
}

MetadataBuilder::Roots MetadataBuilder::build_device_trees() {
    Values roots;
    Values details;
    for (const auto& [id, device] : devices_) {
        ++block_counts_[device.second.value()];
        roots.push_back({id, bytes_of(device.second.value())});
        std::vector<std::byte> bytes(sizeof(thin::DeviceDetailsDisk));
        thin::pack_details(device.first, bytes);
        details.push_back({id, std::move(bytes)});
    }
    const MetaBlock top = build(8, roots);
    return {top, build(sizeof(thin::DeviceDetailsDisk), details)};
}

void MetadataBuilder::hold() {
    const auto [mapping_root, details_root] = build_device_trees();
    ++block_counts_[mapping_root.value()];
    ++block_counts_[details_root.value()];
    thin::Superblock copy = superblock_;
    copy.data_space_map = {};
    copy.metadata_space_map = {};
    copy.mapping_root = mapping_root;
    copy.details_root = details_root;
    Block block;
    superblock_.held_root = allocate();
    thin::pack(copy, block, superblock_.held_root);
    image_.device().write(offset_of(superblock_.held_root), block);
    ++block_counts_[superblock_.held_root.value()];
}

MetaBlock MetadataBuilder::overflow_tree(const std::map<std::uint64_t, std::uint32_t>& counts) {
    Values values;
    for (const auto& [block, count] : counts)
        if (count >= pdata::kOverflow)
            values.push_back({block, bytes_of(count)});
    return build(sizeof(std::uint32_t), values);
}

MetaBlock MetadataBuilder::write_bitmap(const std::map<std::uint64_t, std::uint32_t>& counts,
                                        std::uint64_t page,
                                        MetaBlock where,
                                        std::span<std::byte> entry) {
    Block block{};
    const std::uint64_t first = page * kEntriesPerBitmap;
    std::uint32_t used = 0;
    for (auto i = counts.lower_bound(first);
         i != counts.end() && i->first < first + kEntriesPerBitmap;
         ++i) {
        const auto at = static_cast<std::uint32_t>(i->first - first);
        pdata::bitmap_set(block, at, std::min(i->second, pdata::kOverflow));
        if (i->second > 0)
            ++used;
    }
    write(BlockKind::bitmap, where, block);
    pdata::IndexEntry index{.bitmap = where, .nr_free = kEntriesPerBitmap - used};
    index.none_free_before =
        pdata::bitmap_find_zero(block, 0, kEntriesPerBitmap).value_or(kEntriesPerBitmap);
    index.pack(entry);
    return where;
}

void MetadataBuilder::build_data_map() {
    pdata::SpaceMapRoot& root = superblock_.data_space_map;
    Values index;
    for (std::uint64_t page = 0; page < pdata::bitmaps_for(root.nr_blocks); ++page) {
        std::vector<std::byte> entry(pdata::IndexEntry::kSize);
        image_.data_bitmaps.push_back(write_bitmap(chunk_counts_, page, allocate(), entry));
        ++block_counts_[image_.data_bitmaps.back().value()];
        index.push_back({page, std::move(entry)});
    }
    root.bitmap_root = build(pdata::IndexEntry::kSize, index);
    root.ref_count_root = overflow_tree(chunk_counts_);
    root.nr_allocated = nr_used(chunk_counts_);
    ++block_counts_[root.bitmap_root.value()];
    ++block_counts_[root.ref_count_root.value()];
}

void MetadataBuilder::build_metadata_map() {
    pdata::SpaceMapRoot& root = superblock_.metadata_space_map;
    for (std::uint64_t page = 0; page < pdata::bitmaps_for(root.nr_blocks); ++page) {
        image_.metadata_bitmaps.push_back(allocate());
        ++block_counts_[image_.metadata_bitmaps.back().value()];
    }
    root.bitmap_root = allocate();
    ++block_counts_[root.bitmap_root.value()];
    // Its own blocks have count 1, so they do not change what it holds.
    const auto counts = block_counts_;
    root.ref_count_root = overflow_tree(counts);
    ++block_counts_[root.ref_count_root.value()];
    root.nr_allocated = nr_used(block_counts_);
    Block index{};
    const std::span<std::byte> entries(index);
    for (std::uint64_t page = 0; page < image_.metadata_bitmaps.size(); ++page)
        (void)write_bitmap(block_counts_,
                           page,
                           image_.metadata_bitmaps[page],
                           entries.subspan(16 * (page + 1), 16));
    write(BlockKind::index, root.bitmap_root, index);
}

MetadataImage MetadataBuilder::finish() {
    for (const auto& [id, device] : devices_)
        image_.device_roots[id] = device.second;
    std::tie(superblock_.mapping_root, superblock_.details_root) = build_device_trees();
    ++block_counts_[superblock_.mapping_root.value()];
    ++block_counts_[superblock_.details_root.value()];
    build_data_map();
    build_metadata_map();
    image_.edit_raw(MetaBlock(0), [&](pdata::BlockBytes block) { thin::pack(superblock_, block); });
    return std::move(image_);
}

DeviceInfo device(std::uint32_t id, std::uint64_t mapped_chunks) {
    DeviceInfo info;
    info.id = DeviceId(id);
    info.mapped_chunks = mapped_chunks;
    return info;
}

MetadataBuilder::Entries
run(std::uint64_t begin, std::uint64_t chunk, std::uint64_t length, std::uint32_t time) {
    MetadataBuilder::Entries entries;
    for (std::uint64_t i = 0; i < length; ++i)
        entries.emplace_back(begin + i,
                             thin::pack_mapping({.chunk = DataChunk(chunk + i), .time = time}));
    return entries;
}

} // namespace thinsnap::test
