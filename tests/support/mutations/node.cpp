#include "support/mutations/edits.hpp"

namespace thinsnap::test::mutation {

namespace {

constexpr const char* kTree = "mapping tree";

struct Kind {
    const char* name;
    Find find;
};

const std::vector<Mutation> kTable = {
    {"a leaf without a type",
     field<std::uint32_t>(BlockKind::node, lone_leaf, 4, 0),
     kDamage,
     kTree,
     "neither an internal node nor a leaf",
     false},
    {"a leaf with both types",
     field<std::uint32_t>(BlockKind::node, lone_leaf, 4, 3),
     kDamage,
     kTree,
     "both an internal node and a leaf",
     false},
    {"a leaf that says it is elsewhere",
     misplace(BlockKind::node, lone_leaf),
     kDamage,
     kTree,
     "says that it is block",
     false},
    {"more entries than room",
     field<std::uint32_t>(BlockKind::node, lone_leaf, 16, 253),
     kDamage,
     kTree,
     "253 entries",
     false},
    {"more room than a block has",
     field<std::uint32_t>(BlockKind::node, lone_leaf, 20, 0x20000000),
     kDamage,
     kTree,
     "do not fit",
     false},
    {"values of another size",
     field<std::uint32_t>(BlockKind::node, lone_leaf, 24, 16),
     kDamage,
     kTree,
     "values have 16 bytes",
     false},
    {"room that is no multiple of 3", room(lone_leaf, 250), kDamage, kTree, "room for 250", false},
    {"less room than usual", room(lone_leaf, 249), kWarning, kTree, "room for 249"},
    {"garbage in a node's padding",
     field<std::uint32_t>(BlockKind::node, lone_leaf, 28, 0xABCDEF),
     std::nullopt,
     "",
     ""},
    {"garbage in a node's unused entries",
     field<std::uint64_t>(BlockKind::node, lone_leaf, 32 + 8 * 200, 0xABCDEF),
     std::nullopt,
     "",
     ""},
    {"a parent key above the child's first",
     node(root_of_1, [](NodeEditor& editor) { editor.set_key(1, 301); }),
     kDamage,
     kTree,
     "begins with key 300, its parent says 301",
     false},
    {"a parent key below the child's first",
     node(root_of_1, [](NodeEditor& editor) { editor.set_key(1, 220); }),
     std::nullopt,
     "",
     ""},
    {"keys out of order",
     node(lone_leaf, [](NodeEditor& editor) { editor.set_key(10, 5); }),
     kDamage,
     kTree,
     "do not ascend",
     false},
    {"a key that comes twice",
     node(lone_leaf, [](NodeEditor& editor) { editor.set_key(10, 9); }),
     kDamage,
     kTree,
     "do not ascend",
     false},
    {"a leaf that reaches into the next",
     node(first_mapping_leaf, [](NodeEditor& editor) { editor.set_key(199, 310); }),
     kDamage,
     kTree,
     "reaches to key 310",
     false},
    {"a leaf that reaches to where its parent says that the next begins",
     node(first_mapping_leaf, [](NodeEditor& editor) { editor.set_key(199, 260); }),
     kDamage,
     kTree,
     "reaches to key 260"},
    {"a child that is its own ancestor",
     [](MetadataImage& image) {
         const MetaBlock root = image.device_roots.at(1);
         node([=](MetadataImage&) { return root; },
              [=](NodeEditor& editor) { editor.set_child(1, root); })(image);
     },
     kDamage,
     kTree,
     "is below itself",
     false},
    {"a child behind the end",
     node(root_of_1, [](NodeEditor& editor) { editor.set_child(1, MetaBlock(1 << 20)); }),
     kDamage,
     kTree,
     "none that can hold it",
     false},
    {"a child that is the superblock",
     node(root_of_1, [](NodeEditor& editor) { editor.set_child(1, MetaBlock(0)); }),
     kDamage,
     kTree,
     "none that can hold it",
     false},
    {"an internal node without children",
     node(root_of_1,
          [](NodeEditor& editor) {
              editor.remove(1);
              editor.remove(0);
          }),
     kDamage,
     kTree,
     "without children",
     false},
};

} // namespace

std::vector<Mutation> node_mutations() {
    std::vector<Mutation> all = kTable;
    for (const auto& [structure, find] : std::initializer_list<Kind>{
             {"mapping tree", second_mapping_leaf},
             {"top-level mapping tree", top_root},
             {"top-level mapping tree",
              [](MetadataImage& image) { return child_of(image, top_root(image), 1); }},
             {"device details tree", details_root},
             {"device details tree",
              [](MetadataImage& image) { return child_of(image, details_root(image), 2); }},
             {"data space map index tree", data_index},
             {"data space map overflow tree", data_overflow},
             {"metadata space map overflow tree", metadata_overflow}})
        all.push_back({std::string("a node with a wrong checksum in the ") + structure,
                       flip(find, 1000),
                       kDamage,
                       structure,
                       "checksum",
                       false});
    return all;
}

} // namespace thinsnap::test::mutation
