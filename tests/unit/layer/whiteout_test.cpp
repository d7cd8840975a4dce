#include <algorithm>

#include <doctest/doctest.h>

#include "support/random.hpp"

#include "unit/layer/apply_rig.hpp"

namespace thinsnap::test {

namespace {

/// The lower layers of most cases.
void fill(MemoryTree& tree) {
    apply_layer(tree,
                TarBuilder()
                    .directory("d", 0700)
                    .file("d/a", "lower")
                    .file("d/b", "lower")
                    .file("d/sub/c", "lower")
                    .file("e", "lower")
                    .symlink("s", "d"));
}

/// The paths after applying the entries, in the order given and in the opposite one.
void check_both_ways(const std::vector<TarBuilder::Header>& entries, const Paths& wanted) {
    for (const bool backwards : {false, true}) {
        CAPTURE(backwards);
        auto order = entries;
        if (backwards)
            std::reverse(order.begin(), order.end());
        TarBuilder tar;
        for (const auto& entry : order)
            tar.add(entry);
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, tar);
        CHECK(tree.paths() == wanted);
        CHECK(tree.nameless() == 0);
    }
}

using Entries = std::vector<TarBuilder::Header>;

std::string some_path(Random& random) {
    std::string text(1, "abc"[random.below(3)]);
    for (std::uint64_t depth = random.below(3); depth > 0; --depth)
        text += std::string("/") + "abc"[random.below(3)];
    return text;
}

std::string some_file(Random& random) {
    return "f" + std::to_string(random.below(3));
}

/// Directories have no entries: attributes of one made on the way are those of all.
Entries some_files(Random& random, std::size_t count, const std::string& content) {
    Entries entries(count);
    for (auto& entry : entries) {
        entry.name = some_path(random) + "/" + some_file(random);
        entry.content = content;
    }
    return entries;
}

Entries some_whiteouts(Random& random, std::size_t count) {
    Entries entries(count);
    for (auto& entry : entries) {
        entry.name = some_path(random) + "/.wh.";
        if (random.one_in(3))
            entry.name += ".wh..opq";
        else
            entry.name += random.one_in(2) ? some_path(random).substr(0, 1) : some_file(random);
    }
    return entries;
}

/// What comes of a layer with these entries on the lower one.
std::string listing_of(const TarBuilder& lower, const std::vector<Entries>& parts) {
    TarBuilder upper;
    for (const Entries& part : parts)
        for (const auto& entry : part)
            upper.add(entry);
    MemoryTree tree;
    apply_layer(tree, lower);
    apply_layer(tree, upper);
    return tree.listing();
}

} // namespace

TEST_SUITE("layer.whiteout") {
    TEST_CASE("a whiteout hides a file or a whole directory") {
        check_both_ways({{.name = "d/.wh.a"}}, {"d", "d/b", "d/sub", "d/sub/c", "e", "s"});
        check_both_ways({{.name = ".wh.d"}}, {"e", "s"});
        check_both_ways({{.name = "./.wh.e"}, {.name = "d/.wh.sub"}}, {"d", "d/a", "d/b", "s"});
    }

    TEST_CASE("a whiteout is one whatever its type") {
        for (const char type : {'0', '1', '2', '3', '5', '6'}) {
            MemoryTree tree;
            fill(tree);
            apply_layer(tree, TarBuilder().add({.name = ".wh.e", .type = type, .link = "x"}));
            CHECK(tree.at("e") == nullptr);
        }
    }

    TEST_CASE("a whiteout of what is not there says nothing") {
        MemoryTree tree;
        fill(tree);
        const std::string before = tree.listing();
        apply_layer(tree,
                    TarBuilder()
                        .file(".wh.x")
                        .file("x/y/.wh.z")
                        .file("x/.wh..wh..opq")
                        .file("e/.wh.x")
                        .file("e/.wh..wh..opq")
                        .file("d/a/b/.wh.x"));
        CHECK(tree.listing() == before);
    }

    TEST_CASE("a whiteout spares what its own layer brings") {
        check_both_ways({{.name = "d/.wh.a"}, {.name = "d/a", .content = "upper"}},
                        {"d", "d/a", "d/b", "d/sub", "d/sub/c", "e", "s"});
        check_both_ways({{.name = ".wh.d"}, {.name = "d/n"}}, {"d", "d/n", "e", "s"});
        check_both_ways({{.name = ".wh.d"}, {.name = "d", .type = '5'}}, {"d", "e", "s"});
        check_both_ways({{.name = "d/.wh.sub"}, {.name = "d/sub/n"}},
                        {"d", "d/a", "d/b", "d/sub", "d/sub/n", "e", "s"});
    }

    TEST_CASE("an opaque directory hides what the lower layers have in it and no more") {
        check_both_ways({{.name = "d/.wh..wh..opq"}}, {"d", "e", "s"});
        check_both_ways({{.name = "d/.wh..wh..opq"}, {.name = "d/a", .content = "upper"}},
                        {"d", "d/a", "e", "s"});
        check_both_ways({{.name = "d/.wh..wh..opq"}, {.name = "d/sub/n"}},
                        {"d", "d/sub", "d/sub/n", "e", "s"});
        check_both_ways({{.name = ".wh..wh..opq"}, {.name = "d/n"}}, {"d", "d/n"});
        check_both_ways({{.name = "d", .type = '5'}, {.name = "d/.wh..wh..opq"}, {.name = "d/n/m"}},
                        {"d", "d/n", "d/n/m", "e", "s"});
    }

    TEST_CASE("an opaque directory keeps its attributes") {
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, TarBuilder().file("d/.wh..wh..opq"));
        CHECK(tree.at("d")->attributes.permissions == 0700);
    }

    TEST_CASE("whiteouts reach through symlinks on the way") {
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, TarBuilder().file("s/.wh.a").file("s/sub/.wh..wh..opq"));
        CHECK(tree.paths() == Paths{"d", "d/b", "d/sub", "e", "s"});
    }

    TEST_CASE("what came by a symlinked way is spared by a whiteout on the straight one") {
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, TarBuilder().file("s/n").file("d/.wh.n").file("d/.wh..wh..opq"));
        CHECK(tree.paths() == Paths{"d", "d/n", "e", "s"});
    }

    TEST_CASE("a whiteout of a symlink leaves what it points to") {
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, TarBuilder().file(".wh.s"));
        CHECK(tree.at("s") == nullptr);
        CHECK(tree.at("d/a") != nullptr);
    }

    TEST_CASE("a hard link outlives the whiteout of its target") {
        check_both_ways({{.name = "n", .type = '1', .link = "d/b"}, {.name = ".wh.e"}},
                        {"d", "d/a", "d/b", "d/sub", "d/sub/c", "n", "s"});
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, TarBuilder().hard_link("n", "e").file(".wh.e"));
        CHECK(tree.at("n")->content() == "lower");
        CHECK(tree.at("e") == nullptr);
    }

    TEST_CASE("what AUFS keeps for itself makes no files") {
        MemoryTree tree;
        fill(tree);
        const std::string before = tree.listing();
        apply_layer(tree,
                    TarBuilder()
                        .file(".wh..wh.aufs")
                        .directory(".wh..wh.plnk")
                        .file(".wh..wh.plnk/1.2", "x")
                        .directory(".wh..wh.orph"));
        CHECK(tree.listing() == before);
    }

    TEST_CASE("whiteouts of nothing are refused") {
        for (const char* name : {".wh.", "d/.wh.", ".wh..", "d/.wh...", ".wh.a/b"}) {
            CAPTURE(name);
            MemoryTree tree;
            fill(tree);
            CHECK(failure(tree, TarBuilder().file(name)) == Errc::corrupt);
        }
    }

    TEST_CASE("the marks of OverlayFS are files like others unless asked for") {
        TarBuilder tar;
        tar.add({.name = "e", .type = '3'})
            .add({.name = "d", .type = '5', .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"}}});
        MemoryTree tree;
        fill(tree);
        apply_layer(tree, tar);
        CHECK(tree.at("e")->type == ext4::FileType::character_device);
        CHECK(tree.at("d")->xattrs.size() == 1);
        CHECK(tree.at("d/a") != nullptr);
    }

    TEST_CASE("the marks of OverlayFS are whiteouts when asked for") {
        for (const char* space : {"trusted", "user"}) {
            const std::string prefix = std::string("SCHILY.xattr.") + space + ".overlay.";
            TarBuilder tar;
            tar.add({.name = "e", .type = '3'})
                .file("d/n")
                .add({.name = "d",
                      .type = '5',
                      .pax = {{prefix + "opaque", "y"}, {prefix + "origin", "z"}}})
                .add({.name = "missing", .type = '3'})
                .add({.name = "real", .type = '3', .minor = 1});
            MemoryTree tree;
            fill(tree);
            const auto statistics = apply_layer(tree, tar, {.overlay_whiteouts = true});
            CHECK(tree.paths() == Paths{"d", "d/n", "real", "s"});
            CHECK(tree.at("d")->xattrs.empty());
            CHECK(statistics.whiteouts == 2);
            MemoryTree other;
            TarBuilder redirect;
            redirect.add({.name = "d", .type = '5', .pax = {{prefix + "redirect", "/x"}}});
            CHECK(failure(other, redirect, {.overlay_whiteouts = true}) == Errc::unsupported);
        }
    }

    TEST_CASE("the place of whiteouts in a tar does not matter") {
        Random random(test_seed());
        for (int round = 0; round < 300; ++round) {
            TarBuilder lower;
            for (const auto& file : some_files(random, 8, "lower"))
                lower.add(file);
            const auto files = some_files(random, 4, "upper");
            const auto whiteouts = some_whiteouts(random, 4);
            auto mixed = files;
            mixed.insert(mixed.begin() + 2, whiteouts.begin(), whiteouts.end());
            const std::string wanted = listing_of(lower, {whiteouts, files});
            CAPTURE(round);
            REQUIRE(listing_of(lower, {files, whiteouts}) == wanted);
            REQUIRE(listing_of(lower, {mixed}) == wanted);
        }
    }
}

} // namespace thinsnap::test
