#include "thin/dump.hpp"

#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "pdata/block_cache.hpp"

#include "support/metadata_builder.hpp"

namespace thinsnap::test {

namespace {

std::string dump(MetadataImage& image) {
    pdata::BlockCache cache(image.device(), 256);
    thin::MetadataView view(cache, image.superblock(), {});
    std::string text;
    thin::dump_xml(view, [&](std::string_view piece) { text += piece; });
    return text;
}

} // namespace

TEST_SUITE("thin.dump") {
    TEST_CASE("the dump has one element for each run") {
        MetadataBuilder builder(1024, 10000);
        builder.superblock().time = 4;
        builder.superblock().flags = 1;
        builder.superblock().transaction_id = TransactionId(77);
        builder.superblock().uuid.fill(std::byte{7});
        auto entries = run(0, 50, 1, 3);
        for (const auto& entry : run(10, 60, 3, 4))
            entries.push_back(entry);
        builder.add_device({.id = DeviceId(3),
                            .mapped_chunks = 4,
                            .transaction_id = TransactionId(5),
                            .creation_time = 1,
                            .snapshotted_time = 2},
                           builder.tree(entries));
        builder.add_device(device(9, 0), builder.tree({}));
        auto image = builder.finish();
        CHECK(dump(image) ==
              "<superblock uuid=\"\" time=\"4\" transaction=\"77\" flags=\"1\" version=\"2\" "
              "data_block_size=\"128\" nr_data_blocks=\"10000\">\n"
              "  <device dev_id=\"3\" mapped_blocks=\"4\" transaction=\"5\" creation_time=\"1\" "
              "snap_time=\"2\">\n"
              "    <single_mapping origin_block=\"0\" data_block=\"50\" time=\"3\"/>\n"
              "    <range_mapping origin_begin=\"10\" data_begin=\"60\" length=\"3\" time=\"4\"/>\n"
              "  </device>\n"
              "  <device dev_id=\"9\" mapped_blocks=\"0\" transaction=\"0\" creation_time=\"0\" "
              "snap_time=\"0\">\n"
              "  </device>\n"
              "</superblock>\n");
    }

    TEST_CASE("a device without details is not left out of the dump silently") {
        MetadataBuilder builder(1024, 10000);
        builder.add_device(device(3, 0), builder.tree({}));
        auto image = builder.finish();
        image.edit(pdata::BlockKind::node,
                   image.superblock().details_root,
                   [](pdata::BlockBytes block) { store_le<std::uint64_t>(block, 32, 9); });
        CHECK_THROWS_AS(dump(image), const CorruptionError&);
    }
}

} // namespace thinsnap::test
