#include "layer/export.hpp"

#include <doctest/doctest.h>

#include "tar/reader.hpp"

#include "support/content.hpp"
#include "support/layer_device.hpp"
#include "support/tar_builder.hpp"
#include "support/text_sink.hpp"

#include "unit/layer/random_layer.hpp"

namespace thinsnap::test {

namespace {

/// The names in a tar, a line each, with the type as tar(5) has it.
std::string names_in(const std::string& tar) {
    MemorySource source(std::as_bytes(std::span(tar)));
    tar::Reader reader(source);
    std::string text;
    while (const tar::Entry* entry = reader.next()) {
        text += std::string(1,
                            "0123456"[entry->type == tar::Type::regular     ? 0
                                      : entry->type == tar::Type::hard_link ? 1
                                      : entry->type == tar::Type::symlink   ? 2
                                      : entry->type == tar::Type::directory ? 5
                                                                            : 3]);
        text += ' ' + entry->name;
        if (entry->type == tar::Type::hard_link)
            text += " -> " + entry->link_target;
        text += '\n';
    }
    return text;
}

/// Applies the exported layer to the lower one again.
void check_round_trip(LayerDevice& lower, LayerDevice& upper) {
    const std::string tar = exported(lower, upper);
    LayerDevice again = lower.snapshot();
    again.apply(tar);
    REQUIRE(again.listing() == upper.listing());
    CHECK(exported(lower, upper) == tar);
}

} // namespace

TEST_SUITE("layer.export") {
    TEST_CASE("a layer has the changes and the directories on the way to them") {
        LayerDevice lower;
        lower.apply(TarBuilder()
                        .file("a/b/changed", "1")
                        .file("a/b/same", "2")
                        .file("gone/x")
                        .file("other/y")
                        .finished());
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder()
                        .file("a/b/changed", "new")
                        .file("added/z")
                        .file(".wh.gone")
                        .file("other/.wh.y")
                        .symlink("link", "a")
                        .finished());
        CHECK(names_in(exported(lower, upper)) == "5 a/\n"
                                                  "5 a/b/\n"
                                                  "0 a/b/changed\n"
                                                  "5 added/\n"
                                                  "0 added/z\n"
                                                  "0 .wh.gone\n"
                                                  "2 link\n"
                                                  "5 other/\n"
                                                  "0 other/.wh.y\n");
        check_round_trip(lower, upper);
    }

    TEST_CASE("all names of a file come when one does") {
        LayerDevice lower;
        lower.apply(TarBuilder().file("d/f", "content").file("e/x").finished());
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder().hard_link("e/g", "d/f").finished());
        CHECK(names_in(exported(lower, upper)) == "5 d/\n0 d/f\n5 e/\n1 e/g -> d/f\n");
        check_round_trip(lower, upper);
    }

    TEST_CASE("each name of a file has its capabilities and no other attribute") {
        LayerDevice lower;
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder()
                        .add({.name = "a",
                              .pax = {{"SCHILY.xattr.security.capability", "c"},
                                      {"SCHILY.xattr.user.x", "x"}}})
                        .hard_link("b", "a")
                        .finished());
        const std::string tar = exported(lower, upper);
        MemorySource source(std::as_bytes(std::span(tar)));
        tar::Reader reader(source);
        CHECK(reader.next()->xattrs.size() == 2);
        const tar::Entry* second = reader.next();
        REQUIRE(second->type == tar::Type::hard_link);
        REQUIRE(second->xattrs.size() == 1);
        CHECK(second->xattrs[0].name == "security.capability");
        check_round_trip(lower, upper);
    }

    TEST_CASE("the root comes when its attributes changed") {
        LayerDevice lower;
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder().directory(".", 0701).finished());
        CHECK(names_in(exported(lower, upper)) == "5 ./\n");
        check_round_trip(lower, upper);
    }

    TEST_CASE("a sparse file takes no more room than its data") {
        LayerDevice lower;
        LayerDevice upper = lower.snapshot();
        upper.apply(
            TarBuilder()
                .add({.name = "sparse",
                      .content = std::string(5000, 'x'),
                      .pax = {{"GNU.sparse.size", "3000000"}, {"GNU.sparse.map", "1000000,5000"}}})
                .add({.name = "huge",
                      .content = "end",
                      .pax = {{"GNU.sparse.size", "1000000000003"},
                              {"GNU.sparse.map", "1000000000000,3"}}})
                .add({.name = "all-hole",
                      .pax = {{"GNU.sparse.size", "1000000"}, {"GNU.sparse.map", ""}}})
                .finished());
        CHECK(exported(lower, upper).size() < 40'000);
        check_round_trip(lower, upper);
    }

    TEST_CASE("names that mean whiteouts cannot be exported") {
        LayerDevice lower;
        LayerDevice upper = lower.snapshot();
        upper.change([](ext4::TreeWriter& writer) {
            writer.create(ext4::kRootInode, ".wh.x", {ext4::FileType::regular, {}, {}, {}});
        });
        CHECK(failure_of([&] { static_cast<void>(exported(lower, upper)); }) == Errc::unsupported);
    }

    TEST_CASE("sockets are left out and counted") {
        LayerDevice lower;
        LayerDevice upper = lower.snapshot();
        upper.change([](ext4::TreeWriter& writer) {
            writer.create(ext4::kRootInode, "s", {ext4::FileType::socket, {}, {}, {}});
        });
        const auto changes = changes_between(lower, upper);
        const ext4::FileSystem now(upper.device(), ext4::FileSystemAccess::read_only);
        TextSink sink;
        const auto statistics = layer::export_layer(now, changes, sink);
        CHECK(statistics.sockets_left_out == 1);
        CHECK(statistics.entries == 0);
        CHECK(names_in(sink.text()).empty());
    }

    TEST_CASE("what a socket took the place of is hidden") {
        LayerDevice lower;
        lower.apply(TarBuilder().file("was", "a file").file("d/x").finished());
        LayerDevice upper = lower.snapshot();
        upper.change([](ext4::TreeWriter& writer) {
            for (const char* name : {"was", "d"}) {
                writer.remove(ext4::kRootInode, name);
                writer.create(ext4::kRootInode, name, {ext4::FileType::socket, {}, {}, {}});
            }
        });
        CHECK(names_in(exported(lower, upper)) == "0 .wh.d\n0 .wh.was\n");
    }

    TEST_CASE("an export can be stopped") {
        struct Stopped {};
        LayerDevice lower;
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder().file("f", "x").finished());
        const auto changes = changes_between(lower, upper);
        const ext4::FileSystem now(upper.device(), ext4::FileSystemAccess::read_only);
        TextSink sink;
        CHECK_THROWS_AS(
            layer::export_layer(
                now, changes, sink, {.on_progress = [](const auto&) { throw Stopped(); }}),
            Stopped);
    }

    TEST_CASE("an exported layer applied below gives the container again") {
        const std::uint64_t seed = test_seed();
        for (std::uint64_t round = 0; round < (long_run() ? 200 : 10); ++round) {
            Random random(mix(seed, round));
            CAPTURE(round);
            MemoryTree tree;
            LayerDevice lower;
            lower.apply(random_layer(random, tree, 80));
            LayerDevice upper = lower.snapshot();
            for (int step = 0; step < 3; ++step) {
                upper.apply(random_layer(random, tree, 15));
                REQUIRE(upper.listing() == tree.listing());
                check_round_trip(lower, upper);
            }
        }
    }
}

} // namespace thinsnap::test
