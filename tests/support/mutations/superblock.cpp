#include "support/mutations/edits.hpp"

namespace thinsnap::test::mutation {

namespace {

constexpr const char* kSuperblock = "superblock";

const std::vector<Mutation> kTable = {
    {"a superblock with a wrong checksum",
     flip([](MetadataImage&) { return MetaBlock(0); }, 16),
     kDamage,
     kSuperblock,
     "checksum",
     false},
    {"a wrong magic", superblock_field<std::uint64_t>(32, 77), kDamage, kSuperblock, "magic"},
    {"a superblock that says it is elsewhere",
     [](MetadataImage& image) {
         image.edit_raw(MetaBlock(0), [](BlockBytes block) {
             pdata::seal(BlockKind::superblock, MetaBlock(9), block);
         });
     },
     kDamage,
     kSuperblock,
     "says that it is block 9"},
    {"version 3", superblock_field<std::uint32_t>(40, 3), kDamage, kSuperblock, "version"},
    {"version 1", superblock_field<std::uint32_t>(40, 1), kWarning, kSuperblock, "version"},
    {"an unknown flag", superblock_field<std::uint32_t>(4, 8), kWarning, kSuperblock, "flags"},
    {"needs_check", superblock_field<std::uint32_t>(4, 1), std::nullopt, "", ""},
    {"a wrong metadata block size",
     superblock_field<std::uint32_t>(340, 16),
     kWarning,
     kSuperblock,
     "metadata blocks have 16 sectors"},
    {"a formatted size that was never reached",
     superblock_field<std::uint64_t>(344, 5000),
     kWarning,
     kSuperblock,
     "5000 metadata blocks"},
    {"a formatted size from before growth",
     superblock_field<std::uint64_t>(344, 8),
     std::nullopt,
     "",
     ""},
    {"garbage behind the space map roots",
     superblock_field<std::uint64_t>(64 + 40, 0xABCDEF),
     std::nullopt,
     "",
     ""},
    {"incompatible features",
     superblock_field<std::uint32_t>(360, 1),
     kDamage,
     kSuperblock,
     "features"},
    {"features that forbid writing",
     superblock_field<std::uint32_t>(356, 1),
     kDamage,
     kSuperblock,
     "features"},
    {"compatible features", superblock_field<std::uint32_t>(352, 1), std::nullopt, "", ""},
    {"chunks of 192 sectors",
     superblock_field<std::uint32_t>(336, 192),
     kDamage,
     kSuperblock,
     "chunks"},
    {"a time that mappings cannot hold",
     superblock_field<std::uint32_t>(44, 0x1000000),
     kDamage,
     kSuperblock,
     "time"},
    {"a file that is shorter than the metadata map",
     [](MetadataImage& image) { image.resize(2000); },
     kDamage,
     "metadata space map",
     "has 2000 blocks"},
    {"a file that is longer",
     [](MetadataImage& image) { image.resize(3000); },
     std::nullopt,
     "",
     ""},
    {"a held root that points to no superblock",
     [](MetadataImage& image) {
         const MetaBlock leaf = lone_leaf(image);
         image.edit_superblock([=](thin::Superblock& sb) { sb.held_root = leaf; });
     },
     kDamage,
     "metadata snapshot",
     "",
     false},
    {"a held root that was dropped",
     superblock([](thin::Superblock& sb) { sb.held_root = MetaBlock(0); }),
     kLeak,
     "metadata space map",
     "expected",
     false},
    {"a held root behind the end",
     superblock([](thin::Superblock& sb) { sb.held_root = MetaBlock(1 << 20); }),
     kDamage,
     "metadata snapshot",
     "none that can hold it",
     false},
    {"a mapping root behind the end",
     superblock([](thin::Superblock& sb) { sb.mapping_root = MetaBlock(1 << 20); }),
     kDamage,
     "top-level mapping tree",
     "none that can hold it",
     false},
    {"a details root that is the mapping root",
     [](MetadataImage& image) {
         const MetaBlock root = top_root(image);
         image.edit_superblock([=](thin::Superblock& sb) { sb.details_root = root; });
     },
     kDamage,
     "device details tree",
     "is also used as top-level mapping tree",
     false},
};

} // namespace

std::vector<Mutation> superblock_mutations() {
    return kTable;
}

} // namespace thinsnap::test::mutation
