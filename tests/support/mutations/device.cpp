#include "support/mutations/edits.hpp"

namespace thinsnap::test::mutation {

namespace {

constexpr const char* kTree = "mapping tree";
constexpr const char* kDetails = "device details tree";

MetaBlock first_details(MetadataImage& image) {
    return child_of(image, details_root(image), 0);
}

MetaBlock first_top(MetadataImage& image) {
    return child_of(image, top_root(image), 0);
}

Mutate map(std::uint64_t chunk, std::uint32_t time) {
    return node(lone_leaf, [=](NodeEditor& editor) { editor.set_value(10, mapping(chunk, time)); });
}

const std::vector<Mutation> kTable = {
    {"a device without details",
     node(first_details, [](NodeEditor& editor) { editor.remove(1); }),
     kDamage,
     kDetails,
     "has mappings and no details"},
    {"a device without mappings",
     node(first_top, [](NodeEditor& editor) { editor.remove(1); }),
     kDamage,
     "top-level mapping tree",
     "has details and no mappings",
     false},
    {"a wrong number of mapped chunks",
     details(1, [](DeviceInfo& info) { info.mapped_chunks += 1; }),
     kDamage,
     kDetails,
     "say that 401 chunks are mapped, 400 are"},
    {"a device from the future",
     details(1, [](DeviceInfo& info) { info.creation_time = 4; }),
     kDamage,
     kDetails,
     "the pool's time is 3"},
    {"a snapshot from the future",
     details(1, [](DeviceInfo& info) { info.snapshotted_time = 4; }),
     kDamage,
     kDetails,
     "the pool's time is 3"},
    {"a mapping behind the data device", map(40000, 0), kDamage, kTree, "data chunk 40000"},
    {"a mapping behind all numbers", map(0xFFFFFFFFFF, 0), kDamage, kTree, "data chunk"},
    {"a mapping from the future", map(35010, 4), kDamage, kTree, "at time 4, the pool's time"},
    {"two mappings to one chunk",
     map(35011, 0),
     kDamage,
     "data space map",
     "data chunk 35011 has count 1, expected 2"},
    {"a device id of 25 bits",
     [](MetadataImage& image) {
         node([](MetadataImage& i) { return child_of(i, top_root(i), 1); },
              [](NodeEditor& editor) { editor.set_key(editor.view().size() - 1, 0x1000000); })(
             image);
     },
     kDamage,
     "top-level mapping tree",
     "16777216 is no device id"},
};

} // namespace

std::vector<Mutation> device_mutations() {
    return kTable;
}

} // namespace thinsnap::test::mutation
