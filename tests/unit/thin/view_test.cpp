#include <array>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "pdata/block_cache.hpp"
#include "thin/metadata_view.hpp"

#include "support/metadata_builder.hpp"

namespace thinsnap::test {

namespace {

/// An image and a view of it.
struct Viewed {
    explicit Viewed(MetadataImage made)
        : image(std::move(made))
        , cache(image.device(), 256)
        , view(cache, image.superblock(), {}) {}

    MetadataImage image;
    pdata::BlockCache cache;
    thin::MetadataView view;
};

std::string mappings_of(thin::MetadataView& view, std::uint32_t id, std::uint64_t from = 0) {
    std::ostringstream text;
    view.for_each_mapping(DeviceId(id), VirtualChunk(from), [&](const MappedRun& run) {
        text << run.begin.value() << "+" << run.length << ">" << run.data_begin.value() << "@"
             << run.time << " ";
        return true;
    });
    return text.str();
}

std::string diff_of(thin::MetadataView& view, std::uint32_t left, std::uint32_t right) {
    std::ostringstream text;
    view.diff(DeviceId(left), DeviceId(right), [&](const DiffRun& run) {
        const char* kinds[] = {"left", "right", "different"};
        text << kinds[static_cast<int>(run.kind)] << " " << run.begin.value() << "+" << run.length
             << " ";
    });
    return text.str();
}

MetadataBuilder::Entries join(std::initializer_list<MetadataBuilder::Entries> parts) {
    MetadataBuilder::Entries all;
    for (const auto& part : parts)
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

} // namespace

TEST_SUITE("thin.view") {
    TEST_CASE("mappings are joined to maximal runs") {
        MetadataBuilder builder(1024, 10000);
        const auto entries =
            join({run(5, 100, 300), run(305, 400, 2, 1), run(307, 700, 1, 1), run(400, 701, 600)});
        builder.add_device(device(1, entries.size()), builder.tree(entries));
        Viewed viewed(builder.finish());
        CHECK(mappings_of(viewed.view, 1) == "5+300>100@0 305+2>400@1 307+1>700@1 400+600>701@0 ");
        CHECK(mappings_of(viewed.view, 1, 306) == "306+1>401@1 307+1>700@1 400+600>701@0 ");
        CHECK(mappings_of(viewed.view, 1, 308) == "400+600>701@0 ");
        CHECK(mappings_of(viewed.view, 1, 1000).empty());
    }

    TEST_CASE("a visitor that has seen enough is not called again") {
        MetadataBuilder builder(1024, 10000);
        builder.add_device(device(1, 10), builder.tree(join({run(0, 5, 5), run(9, 20, 5)})));
        Viewed viewed(builder.finish());
        int calls = 0;
        viewed.view.for_each_mapping(DeviceId(1), VirtualChunk(0), [&](const MappedRun&) {
            ++calls;
            return false;
        });
        CHECK(calls == 1);
    }

    TEST_CASE("an unknown device is not found") {
        MetadataBuilder builder(1024, 10000);
        builder.add_device(device(1, 0), builder.tree({}));
        Viewed viewed(builder.finish());
        CHECK_FALSE(viewed.view.find_device(DeviceId(2)));
        CHECK_THROWS_AS((void)viewed.view.usage(DeviceId(2)), const Error&);
        CHECK_THROWS_AS(diff_of(viewed.view, 1, 2), const Error&);
        CHECK(mappings_of(viewed.view, 1).empty());
    }

    TEST_CASE("devices come by ascending id with their details") {
        MetadataBuilder builder(1024, 10000);
        const MetaBlock root = builder.tree(run(0, 5, 5));
        for (std::uint32_t id = 0; id < 300; ++id)
            builder.add_device({.id = DeviceId(id * 7),
                                .mapped_chunks = 5,
                                .transaction_id = TransactionId(id),
                                .creation_time = id + 1,
                                .snapshotted_time = id + 2},
                               root);
        Viewed viewed(builder.finish());
        std::uint32_t next = 0;
        viewed.view.for_each_device([&](const DeviceInfo& info) {
            CHECK(info.id == DeviceId(next * 7));
            CHECK(info.transaction_id == TransactionId(next));
            CHECK(info.creation_time == next + 1);
            CHECK(info.snapshotted_time == next + 2);
            ++next;
        });
        CHECK(next == 300);
    }

    TEST_CASE("usage counts the chunks that no other device maps") {
        MetadataBuilder builder(1024, 10000);
        const MetaBlock shared_leaf = builder.leaf(run(1000, 1000, 100));
        const MetaBlock own = builder.leaf(join({run(0, 0, 100), run(100, 5000, 10)}));
        const MetaBlock other = builder.leaf(join({run(0, 200, 100), run(100, 5000, 10)}));
        builder.add_device(device(1, 210), builder.internal({{0, own}, {1000, shared_leaf}}));
        builder.add_device(device(2, 210), builder.internal({{0, other}, {1000, shared_leaf}}));
        const MetaBlock both = builder.tree(run(0, 6000, 1000));
        builder.add_device(device(3, 1000), both);
        builder.add_device(device(4, 1000), both);
        builder.add_device(device(5, 700), builder.tree(run(7, 7000, 700)));
        Viewed viewed(builder.finish());
        CHECK(viewed.view.usage(DeviceId(1)).exclusive_chunks == 100);
        CHECK(viewed.view.usage(DeviceId(1)).mapped_chunks == 210);
        CHECK(viewed.view.usage(DeviceId(2)).exclusive_chunks == 100);
        CHECK(viewed.view.usage(DeviceId(3)).exclusive_chunks == 0);
        CHECK(viewed.view.usage(DeviceId(5)).exclusive_chunks == 700);
    }

    TEST_CASE("a metadata snapshot is an owner like a device") {
        MetadataBuilder builder(1024, 10000);
        builder.add_device(device(1, 700), builder.tree(run(7, 7000, 700)));
        builder.hold();
        builder.add_device(device(2, 50), builder.tree(run(7, 50, 50)));
        Viewed viewed(builder.finish());
        CHECK(viewed.view.usage(DeviceId(1)).exclusive_chunks == 0);
        CHECK(viewed.view.usage(DeviceId(2)).exclusive_chunks == 50);
    }

    TEST_CASE("usage of a metadata snapshot is counted from its devices") {
        MetadataBuilder builder(1024, 10000);
        const MetaBlock shared_leaf = builder.leaf(run(1000, 1000, 100));
        const MetaBlock own = builder.leaf(join({run(0, 0, 100), run(100, 5000, 10)}));
        const MetaBlock other = builder.leaf(join({run(0, 200, 100), run(100, 5000, 10)}));
        builder.add_device(device(1, 210), builder.internal({{0, own}, {1000, shared_leaf}}));
        builder.add_device(device(2, 210), builder.internal({{0, other}, {1000, shared_leaf}}));
        builder.hold();
        Viewed viewed(builder.finish());
        std::array<std::byte, pdata::kBlockSize> held{};
        const MetaBlock where = viewed.image.superblock().held_root;
        viewed.image.device().read(where.value() * pdata::kBlockSize, held);
        thin::MetadataView view(viewed.cache, thin::unpack_superblock(held, where), {});
        CHECK(view.usage(DeviceId(1)).exclusive_chunks == 100);
        CHECK(view.usage(DeviceId(2)).exclusive_chunks == 100);
    }

    TEST_CASE("diff tells what only one side maps and what differs") {
        MetadataBuilder builder(1024, 10000);
        builder.add_device(
            device(1, 160),
            builder.tree(join({run(0, 0, 100), run(200, 200, 50), run(300, 300, 10)})));
        builder.add_device(
            device(2, 130),
            builder.tree(join({run(50, 50, 60), run(200, 200, 20), run(220, 900, 50)})));
        Viewed viewed(builder.finish());
        CHECK(diff_of(viewed.view, 1, 2) ==
              "left 0+50 right 100+10 different 220+30 right 250+20 left 300+10 ");
        CHECK(diff_of(viewed.view, 2, 1) ==
              "right 0+50 left 100+10 different 220+30 left 250+20 right 300+10 ");
        CHECK(diff_of(viewed.view, 1, 1).empty());
    }

    TEST_CASE("time alone is no difference") {
        MetadataBuilder builder(1024, 10000);
        builder.superblock().time = 3;
        builder.add_device(device(1, 10), builder.tree(run(0, 0, 10, 1)));
        builder.add_device(device(2, 10), builder.tree(run(0, 0, 10, 2)));
        Viewed viewed(builder.finish());
        CHECK(diff_of(viewed.view, 1, 2).empty());
    }

    TEST_CASE("diff skips shared subtrees also where the trees differ in height") {
        MetadataBuilder builder(2048, 200000);
        std::vector<std::pair<std::uint64_t, MetaBlock>> leaves;
        for (std::uint64_t i = 0; i < 200; ++i)
            leaves.emplace_back(i * 200, builder.leaf(run(i * 200, i * 200, 200)));
        builder.add_device(device(1, 40000), builder.internal(leaves));
        auto changed = leaves;
        changed[70].second = builder.leaf(join({run(14000, 14000, 100), run(14100, 90000, 90)}));
        const auto half = [&](std::size_t from, std::size_t to) {
            return builder.internal({changed.begin() + static_cast<std::ptrdiff_t>(from),
                                     changed.begin() + static_cast<std::ptrdiff_t>(to)});
        };
        const MetaBlock low = half(0, 90);
        const MetaBlock high = half(90, 200);
        builder.add_device(device(2, 39990), builder.internal({{0, low}, {18000, high}}));
        Viewed viewed(builder.finish());
        CHECK(diff_of(viewed.view, 1, 2) == "different 14100+90 left 14190+10 ");
        CHECK(viewed.cache.stats().misses < 20);
    }

    TEST_CASE("diff skips shared leaves behind a range that one side does not have") {
        MetadataBuilder builder(2048, 200000);
        std::vector<std::pair<std::uint64_t, MetaBlock>> leaves;
        for (std::uint64_t i = 0; i < 200; ++i)
            leaves.emplace_back(i * 200, builder.leaf(run(i * 200, i * 200, 200)));
        builder.add_device(device(1, 40000), builder.internal(leaves));
        leaves.erase(leaves.begin() + 3, leaves.begin() + 5);
        builder.add_device(device(2, 39600), builder.internal(leaves));
        Viewed viewed(builder.finish());
        CHECK(diff_of(viewed.view, 1, 2) == "left 600+400 ");
        CHECK(viewed.cache.stats().misses < 20);
    }

    TEST_CASE("a device with details and no mappings is corrupt") {
        MetadataBuilder builder(1024, 10000);
        builder.add_device(device(1, 0), builder.tree({}));
        auto image = builder.finish();
        image.edit(pdata::BlockKind::node,
                   image.superblock().mapping_root,
                   [](pdata::BlockBytes block) { store_le<std::uint64_t>(block, 32, 9); });
        Viewed viewed(std::move(image));
        CHECK_THROWS_AS(mappings_of(viewed.view, 1), const CorruptionError&);
    }
}

} // namespace thinsnap::test
