#include "support/mutations/edits.hpp"

namespace thinsnap::test::mutation {

namespace {

constexpr const char* kMetadata = "metadata space map";
constexpr const char* kData = "data space map";

Mutate set_metadata(std::uint32_t value) {
    return [=](MetadataImage& image) { image.set_metadata_field(free_block(image), value); };
}

Mutate set_data(std::uint64_t chunk, std::uint32_t value) {
    return [=](MetadataImage& image) { image.set_data_field(chunk, value); };
}

MetaBlock metadata_bitmap(MetadataImage& image) {
    return image.metadata_bitmaps.at(0);
}

MetaBlock data_bitmap(MetadataImage& image) {
    return image.data_bitmaps.at(1);
}

Mutate overflow_value(const Find& tree, std::uint32_t value) {
    return node(tree, [=](NodeEditor& editor) { editor.set_value(0, value32(value)); });
}

Mutate without_first(const Find& tree) {
    return node(tree, [](NodeEditor& editor) { editor.remove(0); });
}

/// An entry for a number that its bitmap counts as free.
Mutate stale(const Find& tree) {
    return node(tree, [](NodeEditor& editor) {
        const auto last = editor.view().key(editor.view().size() - 1);
        editor.insert(editor.view().size(), last + 500, value32(5));
    });
}

const std::vector<Mutation> kTable = {
    {"a leaked metadata block", set_metadata(1), kLeak, kMetadata, "count 1, expected 0", false},
    {"a metadata block leaked twice",
     set_metadata(2),
     kLeak,
     kMetadata,
     "count 2, expected 0",
     false},
    {"a metadata count that is too low",
     [](MetadataImage& image) { image.set_metadata_field(lone_leaf(image).value(), 0); },
     kDamage,
     kMetadata,
     "count 0, expected 1",
     false},
    {"a data chunk that nobody maps", set_data(39000, 1), kLeak, kData, "count 1, expected 0"},
    {"a data count that is too high", set_data(35010, 2), kLeak, kData, "count 2, expected 1"},
    {"a mapped chunk that is counted as free",
     set_data(35010, 0),
     kDamage,
     kData,
     "count 0, expected 1"},
    {"a shared chunk with too low a count",
     set_data(210, 1),
     kDamage,
     kData,
     "count 1, expected 3"},
    {"a wrong number of metadata blocks in use",
     superblock([](thin::Superblock& sb) { sb.metadata_space_map.nr_allocated += 3; }),
     kWarning,
     kMetadata,
     "in use"},
    {"a wrong number of data chunks in use",
     superblock([](thin::Superblock& sb) { sb.data_space_map.nr_allocated = 0; }),
     kWarning,
     kData,
     "in use"},
    {"more data chunks in use than there are",
     superblock([](thin::Superblock& sb) { sb.data_space_map.nr_allocated = 40001; }),
     kDamage,
     kData,
     "in use"},
    {"too few free metadata blocks in the index",
     index_entry(0, [](pdata::IndexEntry& entry) { entry.nr_free -= 1; }),
     kWarning,
     kMetadata,
     "free entries"},
    {"too few free data chunks in the index",
     data_index_entry(0, [](pdata::IndexEntry& entry) { entry.nr_free = 0; }),
     kWarning,
     kData,
     "free entries"},
    {"a last bitmap whose free entries are only those there are",
     data_index_entry(2, [](pdata::IndexEntry& entry) { entry.nr_free -= 3 * 16320 - 40000; }),
     kWarning,
     kData,
     "after growing"},
    {"a free metadata block that the index hides",
     index_entry(0, [](pdata::IndexEntry& entry) { entry.none_free_before = 2000; }),
     kWarning,
     kMetadata,
     "nothing free before"},
    {"a free data chunk that the index hides",
     data_index_entry(0, [](pdata::IndexEntry& entry) { entry.none_free_before = 9000; }),
     kWarning,
     kData,
     "nothing free before"},
    {"an index that lets the search begin too early",
     data_index_entry(0, [](pdata::IndexEntry& entry) { entry.none_free_before = 0; }),
     std::nullopt,
     "",
     ""},
    {"a metadata bitmap with a wrong checksum",
     flip(metadata_bitmap, 3000),
     kDamage,
     kMetadata,
     "checksum",
     false},
    {"a metadata bitmap that says it is elsewhere",
     misplace(BlockKind::bitmap, metadata_bitmap),
     kDamage,
     kMetadata,
     "says that it is block",
     false},
    {"a data bitmap with a wrong checksum",
     flip(data_bitmap, 3000),
     kDamage,
     kData,
     "checksum",
     false},
    {"a data bitmap that says it is elsewhere",
     misplace(BlockKind::bitmap, data_bitmap),
     kDamage,
     kData,
     "says that it is block",
     false},
    {"an index block with a wrong checksum",
     flip(index_block, 3000),
     kDamage,
     "metadata space map index",
     "checksum",
     false},
    {"metadata counts behind the end",
     [](MetadataImage& image) { image.set_metadata_field(2050, 1); },
     kWarning,
     kMetadata,
     "behind the last"},
    {"data counts behind the end", set_data(40001, 1), kWarning, kData, "behind the last"},
    {"garbage in unused index entries",
     field<std::uint64_t>(BlockKind::index, index_block, 2000, 0xABCDEF),
     std::nullopt,
     "",
     ""},
    {"garbage in the padding of the index block",
     field<std::uint32_t>(BlockKind::index, index_block, 4, 0xABCDEF),
     std::nullopt,
     "",
     ""},
    {"garbage in the padding of a bitmap",
     field<std::uint32_t>(BlockKind::bitmap, data_bitmap, 4, 0xABCDEF),
     std::nullopt,
     "",
     ""},
    {"two index entries with one bitmap",
     [](MetadataImage& image) {
         const MetaBlock first = image.data_bitmaps.at(0);
         data_index_entry(1, [=](pdata::IndexEntry& entry) { entry.bitmap = first; })(image);
     },
     kDamage,
     kData,
     "is also used as data space map bitmap",
     false},
    {"an index entry without a bitmap",
     data_index_entry(1, [](pdata::IndexEntry& entry) { entry.bitmap = MetaBlock(0); }),
     kDamage,
     kData,
     "none that can hold it",
     false},
    {"an index without the last bitmap",
     node(data_index, [](NodeEditor& editor) { editor.remove(2); }),
     kDamage,
     kData,
     "lacks 1 bitmaps from 2 on",
     false},
    {"an index with a bitmap too many",
     superblock([](thin::Superblock& sb) { sb.data_space_map.nr_blocks = 32640; }),
     kDamage,
     kData,
     "the map has 2"},
    {"a metadata overflow count that is too high",
     overflow_value(metadata_overflow, 5000),
     kLeak,
     kMetadata,
     "count 5000, expected",
     false},
    {"a metadata overflow count that is too low",
     overflow_value(metadata_overflow, 2),
     kDamage,
     kMetadata,
     "count 2, expected 3",
     false},
    {"a data overflow count that is too high",
     overflow_value(data_overflow, 5000),
     kLeak,
     kData,
     "count 5000, expected 3"},
    {"a data overflow count that is too low",
     overflow_value(data_overflow, 2),
     kDamage,
     kData,
     "count 2, expected 3"},
    {"a metadata overflow count that is missing",
     without_first(metadata_overflow),
     kDamage,
     kMetadata,
     "no entry in the overflow tree",
     false},
    {"a data overflow count that is missing",
     without_first(data_overflow),
     kDamage,
     kData,
     "no entry in the overflow tree"},
    {"a stale metadata overflow count",
     stale(metadata_overflow),
     kWarning,
     kMetadata,
     "the overflow tree has 1 entries"},
    {"a stale data overflow count",
     stale(data_overflow),
     kWarning,
     kData,
     "the overflow tree has 1 entries"},
};

} // namespace

std::vector<Mutation> space_map_mutations() {
    return kTable;
}

} // namespace thinsnap::test::mutation
