#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pdata/bitmap.hpp"
#include "pdata/node.hpp"

#include "support/metadata_mutations.hpp"

/// \file
/// What the tables of mutations are made of: a block of make_rich_metadata(), and a change.

namespace thinsnap::test::mutation {

inline constexpr auto kWarning = thin::Severity::warning;
inline constexpr auto kLeak = thin::Severity::leak;
inline constexpr auto kDamage = thin::Severity::damage;

using Mutate = std::function<void(MetadataImage&)>;
using Find = std::function<MetaBlock(MetadataImage&)>;
using pdata::BlockBytes;
using pdata::BlockKind;
using pdata::NodeEditor;

// Blocks. Device 1 has two leaves, device 500 one that nobody shares.
[[nodiscard]] MetaBlock top_root(MetadataImage& image);
[[nodiscard]] MetaBlock details_root(MetadataImage& image);
[[nodiscard]] MetaBlock root_of_1(MetadataImage& image);
[[nodiscard]] MetaBlock first_mapping_leaf(MetadataImage& image);
[[nodiscard]] MetaBlock second_mapping_leaf(MetadataImage& image);
[[nodiscard]] MetaBlock lone_leaf(MetadataImage& image);
[[nodiscard]] MetaBlock index_block(MetadataImage& image);
[[nodiscard]] MetaBlock data_index(MetadataImage& image);
[[nodiscard]] MetaBlock metadata_overflow(MetadataImage& image);
[[nodiscard]] MetaBlock data_overflow(MetadataImage& image);
[[nodiscard]] std::uint64_t free_block(MetadataImage& image);

/// Writes `value` at an offset of a block.
template <class T>
[[nodiscard]] Mutate field(BlockKind kind, const Find& find, std::size_t offset, T value) {
    return [=](MetadataImage& image) {
        image.edit(kind, find(image), [=](BlockBytes block) { store_le<T>(block, offset, value); });
    };
}
template <class T>
[[nodiscard]] Mutate superblock_field(std::size_t offset, T value) {
    return field<T>(
        BlockKind::superblock, [](MetadataImage&) { return MetaBlock(0); }, offset, value);
}
[[nodiscard]] Mutate superblock(const std::function<void(thin::Superblock&)>& change);
[[nodiscard]] Mutate node(const Find& find, const std::function<void(NodeEditor&)>& change);
/// Flips a bit and leaves the checksum as it was.
[[nodiscard]] Mutate flip(const Find& find, std::size_t offset);
/// Gives a right checksum to a block that says it is another.
[[nodiscard]] Mutate misplace(BlockKind kind, const Find& find);
/// The values of a node of 8-byte values stand behind that many keys.
[[nodiscard]] Mutate room(const Find& find, std::uint32_t entries);
/// Changes a device's details; ids up to 100 are in the first leaf.
[[nodiscard]] Mutate details(std::uint32_t id, const std::function<void(DeviceInfo&)>& change);
/// Changes an entry of the metadata map's index block, or of the data map's index tree.
[[nodiscard]] Mutate index_entry(std::uint64_t page,
                                 const std::function<void(pdata::IndexEntry&)>& change);
[[nodiscard]] Mutate data_index_entry(std::uint32_t page,
                                      const std::function<void(pdata::IndexEntry&)>& change);

[[nodiscard]] std::vector<std::byte> value32(std::uint32_t value);
[[nodiscard]] std::vector<std::byte> mapping(std::uint64_t chunk, std::uint32_t time);

} // namespace thinsnap::test::mutation
