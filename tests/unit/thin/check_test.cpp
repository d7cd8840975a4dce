#include "thin/check.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "io/forwarding_device.hpp"
#include "pdata/node.hpp"

#include "support/metadata_mutations.hpp"
#include "support/random.hpp"

namespace thinsnap::test {

namespace {

using pdata::BlockBytes;
using pdata::BlockKind;

/// A device of which one block cannot be read.
class BadSector final : public io::ForwardingDevice {
public:
    BadSector(BlockDevice& device, MetaBlock bad)
        : ForwardingDevice(device)
        , bad_(bad.value() * pdata::kBlockSize) {}

    void read(std::uint64_t offset, std::span<std::byte> into) override {
        if (offset < bad_ + pdata::kBlockSize && offset + into.size() > bad_)
            throw SystemError(5, "reading");
        ForwardingDevice::read(offset, into);
    }

private:
    std::uint64_t bad_;
};

struct Checked {
    thin::CheckResult result;
    std::string text;
};

Checked check(BlockDevice& device, const thin::CheckOptions& options = {}) {
    Checked checked;
    checked.result = thin::check_metadata(device, options, [&](const thin::Finding& finding) {
        checked.text += thin::describe(finding) + "\n";
    });
    return checked;
}

Checked check(MetadataImage image, const thin::CheckOptions& options = {}) {
    return check(image.device(), options);
}

/// Breaks a block so that nothing in it can be believed.
void ruin(MetadataImage& image, MetaBlock where) {
    image.edit_raw(where, [](BlockBytes block) { std::ranges::fill(block, std::byte{0x55}); });
}

std::string ruined(MetaBlock where) {
    return ", block " + std::to_string(where.value()) +
           ": checksum is 0x55555555, its content gives ";
}

bool has_line(const std::string& text, const std::string& line) {
    return text.find(line) != std::string::npos;
}

} // namespace

TEST_SUITE("thin.check") {
    TEST_CASE("metadata with sharing at every level is clean") {
        auto image = make_rich_metadata();
        const auto checked = check(image.device());
        CHECK_MESSAGE(checked.text.empty(), checked.text);
        CHECK(checked.result.is_clean());
        CHECK(checked.result.warnings == 0);
        CHECK(checked.result.devices == 405);
        CHECK(checked.result.mappings == 3 * 400 + 200 + 400 * 1000 + 100);
        CHECK(checked.result.nodes == 32);
    }

    TEST_CASE("a pool without devices and chunks is clean") {
        const auto checked = check(MetadataBuilder(64, 0).finish());
        CHECK_MESSAGE(checked.text.empty(), checked.text);
        CHECK(checked.result.is_clean());
    }

    TEST_CASE("a ruined leaf is told with the range of each device that reaches it") {
        auto image = make_rich_metadata();
        const MetaBlock leaf = child_of(image, image.device_roots.at(1), 1);
        ruin(image, leaf);
        const auto checked = check(image.device());
        CAPTURE(checked.text);
        CHECK(checked.result.damages == 4); // two devices, and both again in the metadata snapshot
        CHECK(has_line(checked.text,
                       "damage: mapping tree, device 1, chunks from 250 on" + ruined(leaf)));
        CHECK(has_line(checked.text,
                       "damage: mapping tree, device 2, chunks from 250 on" + ruined(leaf)));
        CHECK(has_line(checked.text,
                       "damage: metadata snapshot, mapping tree, device 2, chunks from 250 on"));
        CHECK(checked.result.leaks == 0); // what it pointed to is not known
    }

    TEST_CASE("neighbouring ruined leaves are one finding") {
        MetadataBuilder builder(1024, 100000);
        std::vector<std::pair<std::uint64_t, MetaBlock>> leaves;
        for (std::uint64_t i = 0; i < 9; ++i)
            leaves.emplace_back(i * 100, builder.leaf(run(i * 100, i * 100, 100)));
        builder.add_device(device(7, 900), builder.internal(leaves));
        auto image = builder.finish();
        for (const std::size_t i : {2U, 3U, 4U, 6U})
            ruin(image, leaves[i].second);
        const auto checked = check(image.device());
        CAPTURE(checked.text);
        CHECK(checked.result.damages == 2);
        CHECK(has_line(checked.text, "device 7, chunks 200 to 499" + ruined(leaves[2].second)));
        CHECK(has_line(checked.text, "; and 2 more places in this range"));
        CHECK(has_line(checked.text, "device 7, chunks 600 to 699" + ruined(leaves[6].second)));
        CHECK(checked.result.mappings == 500);
    }

    TEST_CASE("a block that the device cannot read is damage and hides nothing else") {
        auto image = make_rich_metadata();
        const MetaBlock leaf = child_of(image, image.device_roots.at(1), 0);
        BadSector bad(image.device(), leaf);
        const auto checked = check(bad);
        CAPTURE(checked.text);
        CHECK(checked.result.damages == 6);
        CHECK(has_line(checked.text,
                       "device 3, chunks 0 to 299, block " + std::to_string(leaf.value()) +
                           ": cannot be read"));
        CHECK(checked.result.devices == 405);
    }

    TEST_CASE("a superblock that the device cannot read is an error") {
        auto image = make_rich_metadata();
        BadSector bad(image.device(), MetaBlock(0));
        CHECK_THROWS_AS(check(bad), const SystemError&);
    }

    TEST_CASE("devices whose root is lost are not told to lack details") {
        auto image = make_rich_metadata();
        const MetaBlock leaf = child_of(image, image.superblock().mapping_root, 0);
        ruin(image, leaf);
        const auto checked = check(image.device());
        CAPTURE(checked.text);
        CHECK(checked.result.damages == 1);
        CHECK(has_line(checked.text, "damage: top-level mapping tree"));
        CHECK(has_line(checked.text, ": devices 1 to "));
    }

    TEST_CASE("a node that the kernel has left one entry short is a warning") {
        MetadataBuilder builder(1024, 100000);
        const MetaBlock full = builder.leaf(run(0, 0, 84));
        const MetaBlock one_short = builder.leaf(run(100, 100, 83));
        builder.add_device(device(1, 167), builder.internal({{0, full}, {100, one_short}}));
        const auto checked = check(builder.finish());
        CHECK(checked.result.is_clean());
        CHECK(checked.text == "warning: mapping tree, block " + std::to_string(one_short.value()) +
                                  ": has 83 entries, a node that is not a root has at least 84\n");
    }

    TEST_CASE("an empty leaf that is not a root is damage") {
        MetadataBuilder builder(1024, 100000);
        const MetaBlock full = builder.leaf(run(0, 0, 84));
        builder.add_device(device(1, 84), builder.internal({{0, full}, {100, builder.leaf({})}}));
        const auto checked = check(builder.finish());
        CAPTURE(checked.text);
        CHECK(checked.result.damages == 1);
        CHECK(has_line(checked.text, "device 1, chunks from 100 on"));
        CHECK(has_line(checked.text, "is empty and not a root"));
    }

    TEST_CASE("leaves at different depths are damage") {
        MetadataBuilder builder(1024, 100000);
        const MetaBlock low = builder.internal(
            {{0, builder.leaf(run(0, 0, 100))}, {100, builder.leaf(run(100, 100, 100))}});
        const MetaBlock high = builder.leaf(run(200, 200, 100));
        builder.add_device(device(1, 300), builder.internal({{0, low}, {200, high}}));
        const auto checked = check(builder.finish());
        CAPTURE(checked.text);
        CHECK(has_line(checked.text, "device 1, chunks from 200 on"));
        CHECK(has_line(checked.text, "has 1 levels, its neighbour has 2"));
    }

    TEST_CASE("a tree that is too deep ends somewhere") {
        MetadataBuilder builder(1024, 100000);
        MetaBlock root = builder.leaf(run(0, 0, 100));
        for (int i = 0; i < 40; ++i)
            root = builder.internal({{0, root}});
        builder.add_device(device(1, 100), root);
        const auto checked = check(builder.finish());
        CAPTURE(checked.text);
        CHECK(has_line(checked.text, "is deeper than 16 levels"));
        CHECK(checked.result.leaks == 0);
    }

    TEST_CASE("a data device that is shorter than the map is damage of what lies behind its end") {
        const std::uint64_t chunk = 128 * 512;
        auto image = make_rich_metadata();
        CHECK(check(image.device(), {.data_bytes = 40000 * chunk}).result.is_clean());
        const auto checked = check(image.device(), {.data_bytes = 35050 * chunk + 7});
        CAPTURE(checked.text);
        CHECK(checked.result.damages == 2);
        CHECK(has_line(checked.text, "the data device has 35050 chunks, the map 40000"));
        CHECK(has_line(checked.text, "device 500, chunks 50 to 99"));
        CHECK(has_line(checked.text, "mapped to data chunk 35050, the data device has 35050"));
    }

    TEST_CASE("without mappings the device trees are still checked") {
        auto image = make_rich_metadata();
        ruin(image, child_of(image, image.device_roots.at(1), 1));
        image.set_data_field(39000, 1);
        CHECK(check(image.device(), {.skip_mappings = true}).result.is_clean());
        ruin(image, child_of(image, image.superblock().details_root, 1));
        CHECK_FALSE(check(image.device(), {.skip_mappings = true}).result.is_clean());
    }

    TEST_CASE("a device that is no pool is told to be none") {
        MetadataImage zeros(16);
        CHECK(has_line(check(zeros.device()).text, "is all zeros: nothing was made here"));
        for (std::uint64_t i = 0; i < 16; ++i)
            ruin(zeros, MetaBlock(i));
        CHECK(has_line(check(zeros.device()).text, "magic is"));
        io::ScratchDevice tiny(100);
        CHECK(has_line(check(tiny).text, "too few for a superblock"));
    }

    TEST_CASE("many wrong counts are told in few findings") {
        auto image = make_rich_metadata();
        for (std::uint64_t chunk = 20000; chunk < 25000; ++chunk)
            image.set_data_field(chunk, chunk % 2 == 0 ? 1 : 0);
        for (std::uint64_t chunk = 35000; chunk < 35100; ++chunk)
            image.set_data_field(chunk, 0);
        const auto checked = check(image.device());
        CAPTURE(checked.text);
        CHECK(checked.result.leaks == 17);
        CHECK(has_line(checked.text, "2484 more runs of data chunks with counts too high"));
        CHECK(checked.result.damages == 1);
        CHECK(has_line(checked.text, "so up to 35099, 100 counts"));
    }

    TEST_CASE("random garbage with right checksums ends in findings") {
        Random random(test_seed());
        const auto kinds = {BlockKind::node, BlockKind::bitmap, BlockKind::index};
        const int rounds = long_run() ? 5000 : 60;
        int found = 0;
        for (int round = 0; round < rounds; ++round) {
            auto image = make_rich_metadata();
            for (int change = 0; change < 3; ++change) {
                const MetaBlock where(1 + random.below(60));
                const auto kind = *(kinds.begin() + random.below(kinds.size()));
                image.edit(kind, where, [&](BlockBytes block) {
                    const std::uint64_t at = random.below(random.one_in(2) ? 8 : 500) * 8;
                    store_le<std::uint64_t>(
                        block, at, random.one_in(2) ? random.below(100) : random.next());
                });
            }
            const auto result = check(image.device()).result;
            found += result.warnings + result.leaks + result.damages > 0 ? 1 : 0;
        }
        CHECK(found > rounds / 2);
    }
}

} // namespace thinsnap::test
