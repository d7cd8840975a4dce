#include "tar/reader.hpp"

#include <doctest/doctest.h>

#include "unit/tar/reading.hpp"

namespace thinsnap::test {

using tar::Reader;
using tar::Type;
using Header = TarBuilder::Header;

TEST_SUITE("tar.reader") {
    TEST_CASE("every type is told from the others") {
        TarBuilder tar;
        tar.file("f", "content")
            .add({.name = "old-file", .type = '\0'})
            .add({.name = "old-directory/", .type = '\0'})
            .add({.name = "contiguous", .type = '7'})
            .hard_link("h", "f")
            .symlink("s", "/f")
            .add({.name = "c", .type = '3', .major = 1, .minor = 3})
            .add({.name = "b", .type = '4', .major = 8, .minor = 1})
            .directory("d/")
            .add({.name = "p", .type = '6'});
        const auto all = read_all(tar.finished());
        std::vector<Type> types;
        types.reserve(all.size());
        for (const auto& [entry, content] : all)
            types.push_back(entry.type);
        CHECK(types == std::vector{Type::regular,
                                   Type::regular,
                                   Type::directory,
                                   Type::regular,
                                   Type::hard_link,
                                   Type::symlink,
                                   Type::character_device,
                                   Type::block_device,
                                   Type::directory,
                                   Type::fifo});
        CHECK(all[0].content == "content");
        CHECK(all[4].entry.link_target == "f");
        CHECK(all[5].entry.link_target == "/f");
        CHECK(all[6].entry.device == DeviceNumber{1, 3});
        CHECK(all[7].entry.device == DeviceNumber{8, 1});
    }

    TEST_CASE("attributes come from the header") {
        const auto entry =
            read_one(
                TarBuilder().add(
                    {.name = "f", .mode = 0106755, .uid = 7, .gid = 8, .mtime = 1'600'000'000}))
                .entry;
        CHECK(entry.attributes == Attributes{06755, 7, 8, {1'600'000'000, 0}});
    }

    TEST_CASE("numbers in base 256 are read") {
        Header header{.name = "f"};
        header.patches = {{108, std::string("\x80\0\0\0\xff\xff\xff\xfe", 8)},
                          {136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"}};
        const auto entry = read_one(TarBuilder().add(header)).entry;
        CHECK(entry.attributes.uid == 0xFFFF'FFFE);
        CHECK(entry.attributes.mtime == Timestamp{-2, 0});
    }

    TEST_CASE("attributes are sorted and of several with one name the last counts") {
        const auto entry = read_one(TarBuilder().add({.name = "f",
                                                      .pax = {{"SCHILY.xattr.user.b", "1"},
                                                              {"SCHILY.xattr.user.a", "2"},
                                                              {"SCHILY.xattr.user.b", "3"}}}))
                               .entry;
        CHECK(entry.xattrs == std::vector<Xattr>{{"user.a", "2"}, {"user.b", "3"}});
    }

    TEST_CASE("content comes whole whatever the pieces of the source are") {
        TarBuilder tar;
        std::string content;
        for (int i = 0; i < 3000; ++i)
            content += static_cast<char>(i * 7);
        tar.file("a", content).file("empty").file("b", "x").file("block", content.substr(0, 1024));
        for (const std::size_t piece : {1U, 7U, 511U, 513U, 4096U}) {
            const auto all = read_all(tar.finished(), piece);
            REQUIRE(all.size() == 4);
            CHECK(all[0].content == content);
            CHECK(all[1].content.empty());
            CHECK(all[2].content == "x");
            CHECK(all[3].content == content.substr(0, 1024));
        }
    }

    TEST_CASE("content that nobody wants is passed over") {
        TarBuilder tar;
        tar.file("a", std::string(2000, 'x')).file("b", "y");
        const std::string bytes = tar.finished();
        PieceSource source(std::as_bytes(std::span(bytes)), 300);
        Reader reader(source);
        CHECK(reader.next()->name == "a");
        REQUIRE(reader.next_piece());
        CHECK(reader.next()->name == "b");
        CHECK(reader.next() == nullptr);
        CHECK(reader.next() == nullptr);
    }

    TEST_CASE("only regular files have content whatever the size says") {
        TarBuilder tar;
        for (const char type : {'1', '2', '3', '4', '5', '6'})
            tar.add({.name = "n", .type = type, .link = "t", .size = "00000001000"});
        tar.file("after");
        CHECK(read_all(tar.finished()).size() == 7);
    }

    TEST_CASE("an archive may end without its end mark") {
        CHECK(read_all(TarBuilder().file("a", "x").unfinished()).size() == 1);
        CHECK(read_all(TarBuilder().file("a", "x").unfinished() + std::string(512, '\0')).size() ==
              1);
        CHECK(read_all("").empty());
    }

    TEST_CASE("what stands behind the end mark is read and ignored") {
        CHECK(read_all(TarBuilder().file("a").finished() + std::string(100'000, 'x')).size() == 1);
    }

    TEST_CASE("ACLs come as the texts that they are") {
        const auto entry = read_one(TarBuilder().add({.name = "f",
                                                      .pax = {{"SCHILY.acl.access", "user::r--"},
                                                              {"SCHILY.acl.default", "?"}}}))
                               .entry;
        CHECK(entry.access_acl == "user::r--");
        CHECK(entry.default_acl == "?");
        CHECK(entry.xattrs.empty());
    }
}

} // namespace thinsnap::test
