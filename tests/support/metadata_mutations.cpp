#include "support/metadata_mutations.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "pdata/node.hpp"

namespace thinsnap::test {

MetaBlock child_of(MetadataImage& image, MetaBlock parent, std::uint32_t i) {
    std::array<std::byte, pdata::kBlockSize> block{};
    image.device().read(parent.value() * pdata::kBlockSize, block);
    return pdata::NodeView(block).child(i);
}

namespace {

MetadataImage build_rich_metadata() {
    MetadataBuilder builder(2048, 40000);
    builder.superblock().time = 3;
    builder.superblock().metadata_nr_blocks = 1024; // as after growth
    const MetaBlock shared = builder.leaf(run(0, 0, 200, 1));
    const MetaBlock also_shared = builder.leaf(run(300, 200, 200, 1));
    builder.add_device(device(1, 400), builder.internal({{0, shared}, {250, also_shared}}));
    builder.add_device(device(2, 400), builder.internal({{0, shared}, {250, also_shared}}));
    builder.add_device(device(3, 400),
                       builder.internal({{0, shared}, {300, builder.leaf(run(300, 200, 200, 2))}}));
    builder.add_device(device(4, 200), builder.tree(run(300, 200, 200, 3)));
    const MetaBlock popular = builder.tree(run(5, 2000, 1000));
    for (std::uint32_t id = 10; id < 410; ++id)
        builder.add_device(device(id, 1000), popular);
    builder.hold();
    builder.add_device(device(500, 100), builder.tree(run(0, 35000, 100)));
    return builder.finish();
}

} // namespace

MetadataImage make_rich_metadata() {
    static MetadataImage made = build_rich_metadata();
    return made.copy();
}

std::vector<Mutation> all_mutations() {
    std::vector<Mutation> all;
    for (auto* const make : {mutation::superblock_mutations,
                             mutation::space_map_mutations,
                             mutation::node_mutations,
                             mutation::device_mutations})
        std::ranges::move(make(), std::back_inserter(all));
    return all;
}

} // namespace thinsnap::test
