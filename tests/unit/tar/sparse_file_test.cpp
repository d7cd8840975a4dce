#include <doctest/doctest.h>

#include "unit/tar/reading.hpp"

namespace thinsnap::test {

using Header = TarBuilder::Header;

TEST_SUITE("tar.sparse_file") {
    TEST_CASE("an old GNU sparse file is put together") {
        Header header{.name = "s", .type = 'S', .content = "abcdefgh"};
        header.magic = std::string("ustar  \0", 8);
        const auto pair = [](unsigned offset, unsigned length) {
            std::string text(24, '\0');
            text.replace(0, 11, std::string(11, '0'));
            text.replace(12, 11, std::string(11, '0'));
            const auto put = [&](std::size_t at, unsigned value) {
                for (std::size_t i = at + 11; value != 0; value /= 8)
                    text[--i] = static_cast<char>('0' + value % 8);
            };
            put(0, offset);
            put(12, length);
            return text;
        };
        SUBCASE("with its map in the header") {
            header.patches = {{386, pair(4, 3) + pair(10, 5) + pair(20, 0)}, {483, "00000000024"}};
            const auto all = read_all(TarBuilder().add(header).file("next").finished());
            CHECK(all[0].content == "....abc...defgh.....");
            CHECK(all[1].entry.name == "next");
        }
        SUBCASE("with its map in blocks behind the header") {
            std::string first;
            for (unsigned i = 0; i < 4; ++i)
                first += pair(i * 2, 1);
            header.patches = {{386, first}, {482, "\1"}, {483, "00000000062"}};
            header.content = "";
            header.size = "00000000032";
            std::string more;
            for (unsigned i = 4; i < 25; ++i)
                more += pair(i * 2, 1);
            more += "\1";
            more.resize(512);
            std::string last = pair(50, 0);
            last.resize(512);
            std::string data = "abcdefghijklmnopqrstuvwxy";
            header.size = "00000000031";
            data.resize(512);
            TarBuilder tar;
            tar.add(header).raw(more).raw(last).raw(data).file("next");
            const auto all = read_all(tar.finished());
            CHECK(all[0].content == "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.");
            CHECK(all[1].entry.name == "next");
        }
    }

    TEST_CASE("every PAX form of sparse files is put together") {
        TarBuilder tar;
        tar.add({.name = "0.0",
                 .content = "abcde",
                 .pax = {{"GNU.sparse.size", "12"},
                         {"GNU.sparse.numblocks", "2"},
                         {"GNU.sparse.offset", "1"},
                         {"GNU.sparse.numbytes", "2"},
                         {"GNU.sparse.offset", "7"},
                         {"GNU.sparse.numbytes", "3"}}});
        tar.add({.name = "GNUSparseFile.1/x",
                 .content = "abcde",
                 .pax = {{"GNU.sparse.size", "12"},
                         {"GNU.sparse.numblocks", "2"},
                         {"GNU.sparse.map", "1,2,7,3"},
                         {"GNU.sparse.name", "0.1"}}});
        std::string with_map = "3\n1\n2\n7\n3\n12\n0\n";
        with_map.resize(512);
        tar.add({.name = "GNUSparseFile.1/x",
                 .content = with_map + "abcde",
                 .pax = {{"GNU.sparse.major", "1"},
                         {"GNU.sparse.minor", "0"},
                         {"GNU.sparse.name", "1.0"},
                         {"GNU.sparse.realsize", "12"}}});
        tar.file("next");
        const auto all = read_all(tar.finished());
        REQUIRE(all.size() == 4);
        for (std::size_t i = 0; i < 3; ++i)
            CHECK(all[i].content == ".ab....cde..");
        CHECK(all[1].entry.name == "0.1");
        CHECK(all[2].entry.name == "1.0");
    }

    TEST_CASE("a sparse map that lies is refused") {
        const auto with_map = [](const std::string& map, const std::string& content = "abcde") {
            return TarBuilder()
                .add({.name = "s",
                      .content = content,
                      .pax = {{"GNU.sparse.size", "12"}, {"GNU.sparse.map", map}}})
                .finished();
        };
        CHECK_FALSE(kind_of(with_map("0,5")));
        CHECK_FALSE(kind_of(with_map("", "")));
        for (const char* map : {"7,3,1,2",
                                "0,3,2,2",
                                "8,5",
                                "13,0,0,5",
                                "0,4",
                                "0,6",
                                "0,5,",
                                "0",
                                "0,18446744073709551615",
                                "18446744073709551615,5",
                                "a,5",
                                ""}) {
            CAPTURE(map);
            CHECK(kind_of(with_map(map)) == Errc::corrupt);
        }
    }

    TEST_CASE("a sparse map in the data that lies is refused") {
        for (const char* text : {"", "x\n", "99999999999999999999999\n", "2\n1\n", "-1\n"}) {
            std::string map = text;
            map.resize(512);
            TarBuilder tar;
            tar.add({.name = "s",
                     .content = map,
                     .pax = {{"GNU.sparse.major", "1"},
                             {"GNU.sparse.minor", "0"},
                             {"GNU.sparse.realsize", "12"}}});
            CAPTURE(text);
            CHECK(kind_of(tar.finished()) == Errc::corrupt);
        }
    }
}

} // namespace thinsnap::test
