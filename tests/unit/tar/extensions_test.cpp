#include "tar/extensions.hpp"

#include <clocale>

#include <doctest/doctest.h>

#include "unit/tar/reading.hpp"

namespace thinsnap::test {

using tar::Reader;
using Header = TarBuilder::Header;

TEST_SUITE("tar.extensions") {
    TEST_CASE("what an extended header says goes before the header") {
        const auto entry = read_one(TarBuilder().add({.name = "short",
                                                      .uid = 1,
                                                      .pax = {{"path", "long"},
                                                              {"uid", "4000000000"},
                                                              {"gid", "2097152"},
                                                              {"mtime", "-0.25"},
                                                              {"comment", "no"}}}))
                               .entry;
        CHECK(entry.name == "long");
        CHECK(entry.attributes == Attributes{0644, 4'000'000'000, 2'097'152, {-1, 750'000'000}});
    }

    TEST_CASE("an extended header is for one entry only") {
        TarBuilder tar;
        tar.add({.name = "a", .pax = {{"path", "long"}, {"SCHILY.xattr.user.x", "1"}}}).file("b");
        const auto all = read_all(tar.finished());
        CHECK(all[1].entry.name == "b");
        CHECK(all[1].entry.xattrs.empty());
    }

    TEST_CASE("a global header is for all entries after it that do not say otherwise") {
        TarBuilder tar;
        tar.file("before")
            .extension('g', TarBuilder::records({{"uid", "77"}, {"mtime", "5.5"}}))
            .file("after")
            .add({.name = "own", .pax = {{"uid", "78"}}})
            .extension('g', TarBuilder::records({{"uid", ""}}))
            .file("taken-back");
        const auto all = read_all(tar.finished());
        REQUIRE(all.size() == 4);
        CHECK(all[0].entry.attributes.uid == 0);
        CHECK(all[1].entry.attributes.uid == 77);
        CHECK(all[1].entry.attributes.mtime == Timestamp{5, 500'000'000});
        CHECK(all[2].entry.attributes.uid == 78);
        CHECK(all[2].entry.attributes.mtime == Timestamp{5, 500'000'000});
        CHECK(all[3].entry.attributes.uid == 0);
    }

    TEST_CASE("a global header with what only one file can have is refused") {
        for (const char* key : {"path", "linkpath", "size", "GNU.sparse.name"}) {
            TarBuilder tar;
            tar.extension('g', TarBuilder::records({{key, "5"}})).file("f");
            CHECK(kind_of(tar.finished()) == Errc::corrupt);
        }
    }

    TEST_CASE("bytes of names stay what they are in every locale and form") {
        for (const char* locale : {"C", "C.UTF-8"}) {
            // NOLINTNEXTLINE(concurrency-mt-unsafe) this program has one thread
            if (std::setlocale(LC_ALL, locale) == nullptr)
                continue;
            for (const std::string name :
                 {"\xc3\xa4\n\xe2\x82\xac", "\xe4", "\xed\xa0\x81\xed\xb0\x80", "a\x01\x7f\xff"}) {
                CHECK(read_one(TarBuilder().file(name)).entry.name == name);
                CHECK(
                    read_one(TarBuilder().add({.name = "x", .pax = {{"path", name}}})).entry.name ==
                    name);
                CHECK(
                    read_one(TarBuilder().add(
                                 {.name = "x", .pax = {{"hdrcharset", "BINARY"}, {"path", name}}}))
                        .entry.name == name);
                CHECK(read_one(
                          TarBuilder().add({.name = "x", .type = '2', .pax = {{"linkpath", name}}}))
                          .entry.link_target == name);
            }
            // NOLINTNEXTLINE(concurrency-mt-unsafe) this program has one thread
            std::setlocale(LC_ALL, "C");
        }
    }

    TEST_CASE("a prefix is put before a ustar name and not before others") {
        const std::string gnu("ustar  \0", 8);
        CHECK(read_one(TarBuilder().add({.name = "b", .prefix = "a"})).entry.name == "a/b");
        CHECK(read_one(TarBuilder().add({.name = "b", .magic = gnu, .prefix = "a"})).entry.name ==
              "b");
        CHECK(read_one(TarBuilder().add({.name = "b", .magic = "", .prefix = "a"})).entry.name ==
              "b");
    }

    TEST_CASE("star's prefix is shorter as times stand behind it") {
        Header header{.name = "b", .prefix = "a"};
        header.patches = {{476, "00000000001"}, {508, std::string("tar\0", 4)}};
        header.prefix = std::string(131, 'p');
        CHECK(read_one(TarBuilder().add(header)).entry.name == std::string(131, 'p') + "/b");
    }

    TEST_CASE("a name can fill its field without an end mark") {
        const std::string name(100, 'n');
        CHECK(read_one(TarBuilder().file(name)).entry.name == name);
    }

    TEST_CASE("GNU's long names and targets are used") {
        TarBuilder tar;
        const std::string name = std::string(200, 'n') + "/" + std::string(200, 'm');
        tar.extension('K', std::string(300, 't') + '\0')
            .extension('L', name + '\0')
            .symlink("short", "short-target")
            .file("next");
        const auto all = read_all(tar.finished());
        CHECK(all[0].entry.name == name);
        CHECK(all[0].entry.link_target == std::string(300, 't'));
        CHECK(all[1].entry.name == "next");
    }

    TEST_CASE("a size beyond the header's field comes from the extended header") {
        TarBuilder tar;
        tar.add({.name = "big", .pax = {{"size", "9000000000"}}});
        PieceSource source(std::as_bytes(std::span(tar.unfinished())), 512);
        Reader reader(source);
        CHECK(reader.next()->size == 9'000'000'000);
        CHECK(failure_of([&] { static_cast<void>(reader.next_piece()); }) == Errc::corrupt);
    }

    TEST_CASE("an extended header without its entry is damage") {
        CHECK(
            kind_of(TarBuilder().extension('x', TarBuilder::records({{"path", "a"}})).finished()) ==
            Errc::corrupt);
        CHECK(kind_of(TarBuilder().extension('L', "name").unfinished()) == Errc::corrupt);
    }

    TEST_CASE("an extended header has a limit") {
        TarBuilder tar;
        tar.add({.name = "x", .type = 'x', .size = "77777777777"});
        CHECK(kind_of(tar.finished()) == Errc::corrupt);
    }
}

} // namespace thinsnap::test
