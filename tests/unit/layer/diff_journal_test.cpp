// Differences that stand in a journal: of snapshots of mounted containers.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "ext4/layout.hpp"
#include "layer/byte_ranges.hpp"
#include "layer/diff.hpp"

#include "support/layer_device.hpp"
#include "support/log_writer.hpp"
#include "support/tar_builder.hpp"

namespace thinsnap::test {

using layer::ByteRange;

namespace {

/// With inodes and directories in many chunks.
LayerDevice base() {
    LayerDevice device;
    TarBuilder tar;
    tar.directory("etc").file("etc/hosts", std::string(5000, 'h'));
    for (int i = 0; i < 600; ++i)
        tar.file("d" + std::to_string(i % 20) + "/f" + std::to_string(i), "content");
    device.apply(tar.directory("var").file("var/log", "log").finished());
    return device;
}

LayerDevice changed(LayerDevice& device, const TarBuilder& tar) {
    LayerDevice upper = device.snapshot();
    upper.apply(tar.finished());
    return upper;
}

/// `device` with what `now` has that differs in its journal, and nowhere else.
LayerDevice journaled(LayerDevice& device, LayerDevice& now) {
    LayerDevice copy = device.snapshot();
    write_to_journal(copy.device(), now.device());
    return copy;
}

bool overlaps(const ByteRange& a, const ByteRange& b) {
    return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

/// Whether the devices differ outside of the first chunk and the journal.
bool differ_elsewhere(LayerDevice& lower, LayerDevice& upper) {
    const auto place = ext4::journal_place();
    const ByteRange journal{place.first * ext4::kBlockSize, place.count * ext4::kBlockSize};
    for (const ByteRange& range : changed_ranges(lower, upper))
        if (range.offset >= LayerDevice::kChunk && !overlaps(range, journal))
            return true;
    return false;
}

} // namespace

TEST_SUITE("layer.diff_journal") {
    TEST_CASE("what only the journal holds is found as if it stood where it belongs") {
        LayerDevice lower = base();
        const std::vector<TarBuilder> layers = {
            TarBuilder().file("d3/f3", "changed"),
            TarBuilder().file("new").directory("d4/new").file("d4/new/f"),
            TarBuilder().file("d5/.wh.f5").file(".wh.var"),
            TarBuilder().directory("d6", 0700).file("etc/hosts", std::string(5000, 'i'))};
        for (const TarBuilder& tar : layers) {
            LayerDevice applied = changed(lower, tar);
            LayerDevice upper = journaled(lower, applied);
            REQUIRE_FALSE(differ_elsewhere(lower, upper));
            CHECK(diff_text(lower, applied) != "");
            CHECK(diff_text(lower, upper) == diff_text(lower, applied));
            CHECK(exported(lower, upper) == exported(lower, applied));
        }
    }

    TEST_CASE("the journal of the lower side counts too") {
        LayerDevice first = base();
        LayerDevice second = changed(first, TarBuilder().file("d3/f3", "changed").file("d5/x"));
        LayerDevice third = changed(second, TarBuilder().file("d9/f9", "changed").file("d5/.wh.x"));
        LayerDevice lower = journaled(first, second);
        LayerDevice upper = journaled(first, third);
        CHECK(diff_text(second, third) == "C /d5\nD /d5/x\nC /d9\nC /d9/f9\n");
        CHECK(diff_text(lower, upper) == "C /d5\nD /d5/x\nC /d9\nC /d9/f9\n");
        CHECK(diff_text(lower, third) == "C /d5\nD /d5/x\nC /d9\nC /d9/f9\n");
        CHECK(diff_text(second, upper) == "C /d5\nD /d5/x\nC /d9\nC /d9/f9\n");
        CHECK(diff_text(lower, first) == "C /d3\nC /d3/f3\nC /d5\nD /d5/x\n");
        CHECK(diff_text(lower, lower).empty());
    }

    TEST_CASE("the ranges that the devices say are not enough") {
        LayerDevice lower = base();
        LayerDevice applied = changed(lower, TarBuilder().file("d3/f3", "changed"));
        LayerDevice upper = journaled(lower, applied);
        const ext4::FileSystem now(upper.device(), ext4::FileSystemAccess::read_only);
        const auto d3 = now.find(now.root(), "d3").value().inode;
        const auto f3 = now.find(d3, "f3").value().inode;
        const auto meets = [&](const std::vector<ByteRange>& ranges) {
            bool met = false;
            for (const ByteRange& range : ranges)
                now.for_each_inode_in(range.offset, range.length, [&](const auto& inode) {
                    met = met || inode.number == f3;
                });
            return met;
        };
        CHECK_FALSE(meets(changed_ranges(lower, upper)));
        CHECK(meets(now.replayed()));
    }

    TEST_CASE("ranges are joined where they touch or overlap") {
        using Ranges = std::vector<ByteRange>;
        CHECK(layer::union_of({}) == Ranges{});
        CHECK(layer::union_of({{8, 4}, {0, 4}}) == Ranges{{0, 4}, {8, 4}});
        CHECK(layer::union_of({{4, 4}, {0, 4}}) == Ranges{{0, 8}});
        CHECK(layer::union_of({{0, 20}, {4, 4}, {10, 20}}) == Ranges{{0, 30}});
    }
}

} // namespace thinsnap::test
