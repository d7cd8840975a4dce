#include "layer/apply.hpp"

#include <doctest/doctest.h>

#include "layer/acl.hpp"
#include "layer/path_resolver.hpp"

#include "unit/layer/apply_rig.hpp"

namespace thinsnap::test {

using ext4::FileType;

TEST_SUITE("layer.apply") {
    TEST_CASE("every type of file arrives with its attributes") {
        MemoryTree tree;
        TarBuilder tar;
        tar.directory("d", 02750)
            .add({.name = "d/f",
                  .content = "content",
                  .mode = 04755,
                  .uid = 10,
                  .gid = 20,
                  .pax = {{"mtime", "-1.5"}, {"SCHILY.xattr.user.a", "v"}}})
            .symlink("d/s", "f")
            .add({.name = "d/c", .type = '3', .mode = 0600, .major = 5, .minor = 1})
            .add({.name = "d/b", .type = '4', .major = 8})
            .add({.name = "d/p", .type = '6', .mode = 01666})
            .hard_link("d/h", "d/f");
        apply_layer(tree, tar);
        CHECK(tree.paths() == Paths{"d", "d/b", "d/c", "d/f", "d/h", "d/p", "d/s"});
        CHECK(tree.at("d")->attributes.permissions == 02750);
        const auto& file = *tree.at("d/f");
        CHECK(file.type == FileType::regular);
        CHECK(file.attributes == ext4::Attributes{04755, 10, 20, {-2, 500'000'000}});
        CHECK(file.content() == "content");
        CHECK(file.xattrs == std::vector<ext4::Xattr>{{"user.a", "v"}});
        CHECK(tree.at("d/h") == tree.at("d/f"));
        CHECK(tree.at("d/s")->link_target == "f");
        CHECK(tree.at("d/s")->attributes.permissions == 0777);
        CHECK(tree.at("d/c")->device == ext4::DeviceNumber{5, 1});
        CHECK(tree.at("d/b")->type == FileType::block_device);
        CHECK(tree.at("d/p")->type == FileType::fifo);
        CHECK(tree.at("d/p")->attributes.permissions == 01666);
    }

    TEST_CASE("the entry of the root changes the root's attributes") {
        for (const char* name : {".", "./", "/"}) {
            MemoryTree tree;
            TarBuilder tar;
            tar.file("f").add({.name = name, .type = '5', .mode = 0700, .uid = 5});
            apply_layer(tree, tar);
            CHECK(tree.at("")->attributes.permissions == 0700);
            CHECK(tree.at("")->attributes.uid == 5);
            CHECK(tree.paths() == Paths{"f"});
        }
    }

    TEST_CASE("the root cannot become something else") {
        MemoryTree tree;
        CHECK(failure(tree, TarBuilder().file("./")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().symlink(".", "/etc")) == Errc::corrupt);
    }

    TEST_CASE("directories on the way that are missing are made for root") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("a/b/f"));
        CHECK(tree.paths() == Paths{"a", "a/b", "a/b/f"});
        CHECK(tree.at("a/b")->attributes == ext4::Attributes{0755, 0, 0, {}});
    }

    TEST_CASE("a directory made on the way takes the attributes of its later entry") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("a/f").directory("a", 0700));
        CHECK(tree.at("a")->attributes.permissions == 0700);
        CHECK(tree.paths() == Paths{"a", "a/f"});
    }

    TEST_CASE("a directory on a directory changes its attributes and replaces its xattrs") {
        MemoryTree tree;
        TarBuilder lower;
        lower.add({.name = "d", .type = '5', .pax = {{"SCHILY.xattr.user.old", "1"}}}).file("d/f");
        apply_layer(tree, lower);
        apply_layer(tree,
                    TarBuilder().add({.name = "d/",
                                      .type = '5',
                                      .mode = 0711,
                                      .mtime = 99,
                                      .pax = {{"SCHILY.xattr.user.new", "2"}}}));
        CHECK(tree.at("d")->attributes == ext4::Attributes{0711, 0, 0, {99, 0}});
        CHECK(tree.at("d")->xattrs == std::vector<ext4::Xattr>{{"user.new", "2"}});
        CHECK(tree.paths() == Paths{"d", "d/f"});
    }

    TEST_CASE("a file in a directory leaves the directory's times alone") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().add({.name = "d", .type = '5', .mtime = 50}).file("d/f"));
        apply_layer(tree, TarBuilder().file("d/g"));
        CHECK(tree.at("d")->attributes.mtime.seconds == 50);
    }

    TEST_CASE("a type that changes takes what was there away") {
        MemoryTree tree;
        const auto lower = [&] {
            apply_layer(tree,
                        TarBuilder().directory("x").file("x/a/b").symlink("x/s", "a").file("y"));
        };
        SUBCASE("a directory to a file") {
            lower();
            apply_layer(tree, TarBuilder().file("x", "now"));
            CHECK(tree.paths() == Paths{"x", "y"});
            CHECK(tree.at("x")->content() == "now");
        }
        SUBCASE("a file to a directory") {
            lower();
            apply_layer(tree, TarBuilder().directory("y").file("y/z"));
            CHECK(tree.at("y")->type == FileType::directory);
            CHECK(tree.at("y/z") != nullptr);
        }
        SUBCASE("a symlink to a directory that becomes a directory of its own") {
            lower();
            apply_layer(tree, TarBuilder().directory("x/s").file("x/s/f"));
            CHECK(tree.at("x/s")->type == FileType::directory);
            CHECK(tree.at("x/a/f") == nullptr);
        }
        SUBCASE("a directory to a symlink") {
            lower();
            apply_layer(tree, TarBuilder().symlink("x", "y"));
            CHECK(tree.paths() == Paths{"x", "y"});
        }
        CHECK(tree.nameless() == 0);
    }

    TEST_CASE("of several entries of one name the last counts") {
        MemoryTree tree;
        apply_layer(tree,
                    TarBuilder()
                        .file("f", "1")
                        .hard_link("h", "f")
                        .file("f", "two")
                        .symlink("g", "f")
                        .file("./g", "3"));
        CHECK(tree.at("f")->content() == "two");
        CHECK(tree.at("h")->content() == "1");
        CHECK(tree.at("g")->content() == "3");
        CHECK(tree.nameless() == 0);
    }

    TEST_CASE("a replaced file does not change what other names have") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("f", "old").hard_link("h", "f"));
        apply_layer(tree, TarBuilder().file("f", "new"));
        CHECK(tree.at("h")->content() == "old");
        CHECK(tree.at("h")->links == 1);
    }

    TEST_CASE("symlinks on the way are followed inside the tree") {
        MemoryTree tree;
        apply_layer(tree,
                    TarBuilder()
                        .directory("real")
                        .directory("real/sub")
                        .symlink("absolute", "/real")
                        .symlink("relative", "real/sub")
                        .symlink("real/sub/up", "../../../../real")
                        .symlink("chain", "absolute"));
        apply_layer(tree,
                    TarBuilder()
                        .file("absolute/a")
                        .file("relative/b")
                        .file("real/sub/up/c")
                        .file("chain/sub/up/sub/d"));
        CHECK(tree.at("real/a") != nullptr);
        CHECK(tree.at("real/sub/b") != nullptr);
        CHECK(tree.at("real/c") != nullptr);
        CHECK(tree.at("real/sub/d") != nullptr);
    }

    TEST_CASE("what a symlink points to is made where it is missing") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().symlink("s", "/not/../there/yet").file("s/f"));
        CHECK(tree.paths() == Paths{"s", "there", "there/yet", "there/yet/f"});
    }

    TEST_CASE("an entry on a symlink replaces the symlink and not its target") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("f", "target").symlink("s", "f").file("s", "own"));
        CHECK(tree.at("f")->content() == "target");
        CHECK(tree.at("s")->content() == "own");
    }

    TEST_CASE("a way that changes between two entries is walked anew") {
        MemoryTree tree;
        apply_layer(tree,
                    TarBuilder()
                        .file("a/b/1")
                        .directory("other/b")
                        .symlink("a", "other")
                        .file("a/b/2")
                        .file("a", "x"));
        CHECK(tree.at("other/b/2") != nullptr);
        CHECK(tree.at("a")->content() == "x");
    }

    TEST_CASE("symlinks that lead round are refused") {
        MemoryTree tree;
        CHECK(failure(tree, TarBuilder().symlink("a", "b").symlink("b", "a").file("a/f")) ==
              Errc::corrupt);
        MemoryTree other;
        CHECK(failure(other, TarBuilder().symlink("a", "a/a/a").file("a/f")) == Errc::corrupt);
    }

    TEST_CASE("forty symlinks on the way are fine and one more is not") {
        const auto chain = [](unsigned length) {
            TarBuilder tar;
            tar.directory("s0");
            for (unsigned i = 1; i <= length; ++i)
                tar.symlink("s" + std::to_string(i), "s" + std::to_string(i - 1));
            return tar.file("s" + std::to_string(length) + "/f");
        };
        MemoryTree tree;
        CHECK_FALSE(failure(tree, chain(40)));
        MemoryTree other;
        CHECK(failure(other, chain(41)) == Errc::corrupt);
    }

    TEST_CASE("a file on the way to another is refused") {
        MemoryTree tree;
        CHECK(failure(tree, TarBuilder().file("a").file("a/b")) == Errc::corrupt);
        MemoryTree through_link;
        CHECK(failure(through_link, TarBuilder().file("a").symlink("s", "a").file("s/b")) ==
              Errc::corrupt);
    }

    TEST_CASE("depth has a limit that symlinks cannot get round") {
        MemoryTree tree;
        std::string deep;
        for (int i = 0; i < 1000; ++i)
            deep += "d/";
        TarBuilder tar;
        tar.add({.name = "x", .pax = {{"path", deep + "f"}}});
        tar.add({.name = "s", .type = '2', .pax = {{"linkpath", deep}}});
        tar.add({.name = "x", .pax = {{"path", "s/" + deep + "f"}}});
        CHECK_FALSE(failure(tree, tar));
        tar.add({.name = "t", .type = '2', .pax = {{"linkpath", "s/" + deep}}});
        tar.add({.name = "x", .pax = {{"path", "t/" + deep + "f"}}});
        CHECK(failure(tree, tar) == Errc::corrupt);
    }

    TEST_CASE("a symlink to a name that is too long makes no directory of it") {
        MemoryTree tree;
        TarBuilder tar;
        tar.add({.name = "s", .type = '2', .pax = {{"linkpath", std::string(256, 'x')}}})
            .file("s/f");
        CHECK(failure(tree, tar) == Errc::corrupt);
    }

    TEST_CASE("hostile names are refused with the entry's name and place") {
        MemoryTree tree;
        const std::string message = message_of([&] {
            apply_layer(tree, TarBuilder().file("fine").file("a/../../etc/passwd", "root"));
        });
        CHECK(message.find("'a/../../etc/passwd'") != std::string::npos);
        CHECK(message.find("byte 512 ") != std::string::npos);
        CHECK(failure(tree, TarBuilder().file("../x")) == Errc::corrupt);
        CHECK(
            failure(tree, TarBuilder().symlink("s", std::string(60, 'x')).hard_link("h", "../f")) ==
            Errc::corrupt);
    }

    TEST_CASE("a symlink that points out is kept as it is and leads nowhere") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().symlink("out", "../../../etc").file("out/passwd", "mine"));
        CHECK(tree.at("out")->link_target == "../../../etc");
        CHECK(tree.at("etc/passwd")->content() == "mine");
    }

    TEST_CASE("a hard link is to a file of any kind in this layer or below") {
        MemoryTree tree;
        apply_layer(tree,
                    TarBuilder()
                        .file("f", "x")
                        .symlink("s", "f")
                        .add({.name = "c", .type = '3', .major = 1, .minor = 3})
                        .directory("d")
                        .symlink("l", "d"));
        apply_layer(tree,
                    TarBuilder()
                        .hard_link("d/f", "f")
                        .hard_link("d/s", "/s")
                        .hard_link("d/c", "./c")
                        .hard_link("g", "l/f"));
        CHECK(tree.at("d/f") == tree.at("f"));
        CHECK(tree.at("d/s") == tree.at("s"));
        CHECK(tree.at("d/c") == tree.at("c"));
        CHECK(tree.at("g") == tree.at("f"));
        CHECK(tree.at("f")->links == 3);
    }

    TEST_CASE("a hard link takes the place of what has its name") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("f", "1").file("g", "2").directory("d").file("d/x"));
        apply_layer(tree, TarBuilder().hard_link("g", "f").hard_link("d", "f"));
        CHECK(tree.at("g") == tree.at("f"));
        CHECK(tree.at("d") == tree.at("f"));
        CHECK(tree.nameless() == 0);
    }

    TEST_CASE("a hard link to itself changes nothing") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("f", "1").hard_link("g", "f"));
        apply_layer(tree, TarBuilder().hard_link("f", "f").hard_link("g", "f"));
        CHECK(tree.at("f")->content() == "1");
        CHECK(tree.at("f")->links == 2);
    }

    TEST_CASE("hard links that cannot be are refused") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().directory("d").file("d/f"));
        CHECK(failure(tree, TarBuilder().hard_link("h", "missing")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().hard_link("h", "missing/f")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().hard_link("h", "d")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().hard_link("h", "/")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().hard_link("h", "d/f/x")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().hard_link("missing", "missing")) == Errc::corrupt);
        CHECK(failure(tree, TarBuilder().hard_link("d", "d/f")) == Errc::corrupt);
    }

    TEST_CASE("a sparse file keeps its holes") {
        MemoryTree tree;
        apply_layer(tree,
                    TarBuilder().add({.name = "s",
                                      .content = "abcde",
                                      .pax = {{"GNU.sparse.size", "1099511627776"},
                                              {"GNU.sparse.map", "4096,2,1099511627000,3"}}}));
        const auto& file = *tree.at("s");
        CHECK(file.size == 1099511627776);
        CHECK(file.data ==
              std::map<std::uint64_t, std::string>{{4096, "ab"}, {1099511627000, "cde"}});
    }

    TEST_CASE("a file larger than ext4 can hold is refused") {
        MemoryTree tree;
        const auto kind_with = [&](const char* size) {
            return failure(
                tree,
                TarBuilder().add(
                    {.name = "s", .pax = {{"GNU.sparse.size", size}, {"GNU.sparse.map", ""}}}));
        };
        CHECK_FALSE(kind_with("17592186040320"));
        CHECK(kind_with("17592186040321") == Errc::corrupt);
        CHECK(kind_with("18446744073709551615") == Errc::corrupt);
    }

    TEST_CASE("attributes that such a file cannot have are left out and counted") {
        MemoryTree tree;
        const TarBuilder::Records all{{"SCHILY.xattr.user.a", "1"},
                                      {"SCHILY.xattr.trusted.a", "2"},
                                      {"SCHILY.xattr.security.a", "3"},
                                      {"SCHILY.xattr.system.data", "4"},
                                      {"SCHILY.xattr.nonsense", "5"},
                                      {"SCHILY.xattr.user.", "6"}};
        const auto statistics =
            apply_layer(tree,
                        TarBuilder()
                            .add({.name = "f", .pax = all})
                            .add({.name = "s", .type = '2', .link = "f", .pax = all}));
        CHECK(tree.at("f")->xattrs ==
              std::vector<ext4::Xattr>{{"security.a", "3"}, {"trusted.a", "2"}, {"user.a", "1"}});
        CHECK(tree.at("s")->xattrs ==
              std::vector<ext4::Xattr>{{"security.a", "3"}, {"trusted.a", "2"}});
        CHECK(statistics.attributes_left_out == 7);
    }

    TEST_CASE("an ACL decides the mode and one without news is not kept") {
        MemoryTree tree;
        const std::string full = "user::rwx,user:5:r--,group::r-x,mask::r-x,other::---";
        const std::string plain = "user::rw-,group::---,other::---";
        apply_layer(
            tree,
            TarBuilder()
                .add({.name = "f", .mode = 04644, .pax = {{"SCHILY.acl.access", full}}})
                .add({.name = "g", .mode = 0644, .pax = {{"SCHILY.acl.access", plain}}})
                .add(
                    {.name = "d", .type = '5', .mode = 0755, .pax = {{"SCHILY.acl.default", full}}})
                .add({.name = "h", .pax = {{"SCHILY.acl.default", full}}}));
        CHECK(tree.at("f")->attributes.permissions == 04750);
        CHECK(tree.at("f")->xattrs.size() == 1);
        CHECK(tree.at("g")->attributes.permissions == 0600);
        CHECK(tree.at("g")->xattrs.empty());
        CHECK(tree.at("d")->attributes.permissions == 0755);
        CHECK(tree.at("d")->xattrs.size() == 1);
        CHECK(tree.at("h")->xattrs.empty());
        CHECK(
            failure(tree,
                    TarBuilder().add(
                        {.name = "x", .pax = {{"SCHILY.xattr.system.posix_acl_access", "bad"}}})) ==
            Errc::corrupt);
    }

    TEST_CASE("limits are kept") {
        TarBuilder tar;
        tar.file("a", std::string(1000, 'x')).file("b", std::string(1000, 'x'));
        MemoryTree tree;
        CHECK_FALSE(failure(tree, tar, {.max_entries = 2, .max_content_bytes = 2000}));
        CHECK(failure(tree, tar, {.max_entries = 1}) == Errc::corrupt);
        CHECK(failure(tree, tar, {.max_content_bytes = 1999}) == Errc::corrupt);
    }

    TEST_CASE("progress is told and can stop the work") {
        TarBuilder tar;
        tar.file("a", std::string(1000, 'x')).file(".wh.b").file("c", std::string(10, 'x'));
        const std::string bytes = tar.finished() + "padding";
        MemoryTree tree;
        layer::ApplyStatistics last;
        std::uint64_t calls = 0;
        const auto statistics = apply_layer(tree, bytes, {.on_progress = [&](const auto& now) {
                                                CHECK(now.tar_bytes >= last.tar_bytes);
                                                last = now;
                                                ++calls;
                                            }});
        CHECK(statistics.entries == 3);
        CHECK(statistics.whiteouts == 1);
        CHECK(statistics.content_bytes == 1010);
        CHECK(statistics.tar_bytes == bytes.size());
        CHECK(last.tar_bytes == bytes.size());
        CHECK(calls >= 3);

        struct Stopped {};
        MemoryTree other;
        CHECK_THROWS_AS(
            apply_layer(other, bytes, {.on_progress = [](const auto&) { throw Stopped(); }}),
            Stopped);
    }

    TEST_CASE("what the tree cannot do is passed on whenever it happens") {
        TarBuilder tar;
        tar.directory("d")
            .add({.name = "d/f", .content = "x", .pax = {{"SCHILY.xattr.user.a", "v"}}})
            .hard_link("h", "d/f")
            .file("h", "y")
            .add({.name = "d", .type = '5', .pax = {{"SCHILY.xattr.user.a", "v"}}})
            .file(".wh.h");
        for (std::uint64_t change = 1;; ++change) {
            MemoryTree tree;
            apply_layer(tree, TarBuilder().file("h").file("d/g"));
            tree.fail_at(change);
            const auto kind = failure(tree, tar);
            if (!kind) {
                CHECK(change > 10);
                break;
            }
            CHECK(kind == Errc::no_space);
        }
    }

    TEST_CASE("a tar without entries changes nothing") {
        MemoryTree tree;
        apply_layer(tree, TarBuilder().file("f"));
        const std::string before = tree.listing();
        apply_layer(tree, TarBuilder());
        apply_layer(tree, std::string());
        CHECK(tree.listing() == before);
    }
}

} // namespace thinsnap::test
