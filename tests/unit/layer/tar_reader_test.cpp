#include "layer/tar_reader.hpp"

#include <clocale>
#include <functional>

#include <doctest/doctest.h>

#include "support/content.hpp"
#include "support/tar_builder.hpp"

namespace thinsnap::test {

using layer::TarEntry;
using layer::TarReader;
using layer::TarType;

namespace {

/// Gives out its bytes in pieces of a size that never fits blocks.
class SmallPieces final : public ByteSource {
public:
    SmallPieces(std::string bytes, std::size_t piece)
        : bytes_(std::move(bytes))
        , piece_(piece) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
        const std::size_t length = std::min({piece_, into.size(), bytes_.size() - at_});
        const auto from = std::as_bytes(std::span(bytes_)).subspan(at_, length);
        std::copy(from.begin(), from.end(), into.begin());
        at_ += length;
        return length;
    }

private:
    std::string bytes_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

struct ReadEntry {
    TarEntry entry;
    std::string content; ///< holes are dots
};

std::vector<ReadEntry> read_all(const std::string& tar, std::size_t piece = 100'000) {
    SmallPieces source(tar, piece);
    TarReader reader(source);
    std::vector<ReadEntry> all;
    while (const TarEntry* entry = reader.next()) {
        all.push_back({*entry, std::string(std::min<std::uint64_t>(entry->size, 1U << 20U), '.')});
        while (const auto data = reader.next_piece())
            for (std::size_t i = 0; i < data->bytes.size(); ++i)
                all.back().content.at(data->offset + i) = static_cast<char>(data->bytes[i]);
    }
    reader.drain();
    CHECK(reader.position() == tar.size());
    return all;
}

ReadEntry read_one(const TarBuilder& tar) {
    const auto all = read_all(tar.finished());
    REQUIRE(all.size() == 1);
    return all[0];
}

std::optional<Errc> kind_of(const std::string& tar) {
    return failure_of([&] { static_cast<void>(read_all(tar)); });
}

std::string message(const TarBuilder& tar) {
    return message_of([&] { static_cast<void>(read_all(tar.finished())); });
}

using Header = TarBuilder::Header;

} // namespace

TEST_SUITE("layer.tar_reader") {
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
        std::vector<TarType> types;
        types.reserve(all.size());
        for (const auto& [entry, content] : all)
            types.push_back(entry.type);
        CHECK(types == std::vector{TarType::regular,
                                   TarType::regular,
                                   TarType::directory,
                                   TarType::regular,
                                   TarType::hard_link,
                                   TarType::symlink,
                                   TarType::character_device,
                                   TarType::block_device,
                                   TarType::directory,
                                   TarType::fifo});
        CHECK(all[0].content == "content");
        CHECK(all[4].entry.link_target == "f");
        CHECK(all[5].entry.link_target == "/f");
        CHECK(all[6].entry.device == ext4::DeviceNumber{1, 3});
        CHECK(all[7].entry.device == ext4::DeviceNumber{8, 1});
    }

    TEST_CASE("attributes come from the header") {
        const auto entry =
            read_one(
                TarBuilder().add(
                    {.name = "f", .mode = 0106755, .uid = 7, .gid = 8, .mtime = 1'600'000'000}))
                .entry;
        CHECK(entry.attributes == ext4::Attributes{06755, 7, 8, {1'600'000'000, 0}});
    }

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
        CHECK(entry.attributes ==
              ext4::Attributes{0644, 4'000'000'000, 2'097'152, {-1, 750'000'000}});
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
        CHECK(all[1].entry.attributes.mtime == ext4::Timestamp{5, 500'000'000});
        CHECK(all[2].entry.attributes.uid == 78);
        CHECK(all[2].entry.attributes.mtime == ext4::Timestamp{5, 500'000'000});
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

    TEST_CASE("numbers in base 256 are read") {
        Header header{.name = "f"};
        header.patches = {{108, std::string("\x80\0\0\0\xff\xff\xff\xfe", 8)},
                          {136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"}};
        const auto entry = read_one(TarBuilder().add(header)).entry;
        CHECK(entry.attributes.uid == 0xFFFF'FFFE);
        CHECK(entry.attributes.mtime == ext4::Timestamp{-2, 0});
    }

    TEST_CASE("attributes are sorted and of several with one name the last counts") {
        const auto entry =
            read_one(TarBuilder().add({.name = "f",
                                       .pax = {{"SCHILY.xattr.user.b", "1"},
                                               {"SCHILY.xattr.user.a", "2"},
                                               {"LIBARCHIVE.xattr.user.b", "Mw=="}}}))
                .entry;
        CHECK(entry.xattrs == std::vector<ext4::Xattr>{{"user.a", "2"}, {"user.b", "3"}});
    }

    TEST_CASE("the text of an ACL becomes an attribute unless one is there") {
        const std::string text = "user::rw-,user:5:r--,group::r--,mask::r--,other::r--";
        auto entry =
            read_one(TarBuilder().add({.name = "f", .pax = {{"SCHILY.acl.access", text}}})).entry;
        REQUIRE(entry.xattrs.size() == 1);
        CHECK(entry.xattrs[0].name == "system.posix_acl_access");
        entry =
            read_one(TarBuilder().add({.name = "f",
                                       .pax = {{"SCHILY.xattr.system.posix_acl_access", "binary"},
                                               {"SCHILY.acl.access", text},
                                               {"SCHILY.acl.default", "user:joe:r--"}}}))
                .entry;
        CHECK(entry.xattrs == std::vector<ext4::Xattr>{{"system.posix_acl_access", "binary"}});
        CHECK(entry.acls_left_out == 1);
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
        SmallPieces source(tar.finished(), 300);
        TarReader reader(source);
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

    TEST_CASE("a size beyond the header's field comes from the extended header") {
        TarBuilder tar;
        tar.add({.name = "big", .pax = {{"size", "9000000000"}}});
        SmallPieces source(tar.unfinished(), 512);
        TarReader reader(source);
        CHECK(reader.next()->size == 9'000'000'000);
        CHECK(failure_of([&] { static_cast<void>(reader.next_piece()); }) == Errc::corrupt);
    }

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

    TEST_CASE("an archive may end without its end mark") {
        CHECK(read_all(TarBuilder().file("a", "x").unfinished()).size() == 1);
        CHECK(read_all(TarBuilder().file("a", "x").unfinished() + std::string(512, '\0')).size() ==
              1);
        CHECK(read_all("").empty());
    }

    TEST_CASE("what stands behind the end mark is read and ignored") {
        CHECK(read_all(TarBuilder().file("a").finished() + std::string(100'000, 'x')).size() == 1);
    }

    TEST_CASE("a lone block of zeros between entries is damage") {
        TarBuilder tar;
        tar.file("a").raw(std::string(512, '\0')).file("b");
        CHECK(kind_of(tar.finished()) == Errc::corrupt);
    }

    TEST_CASE("an archive that ends anywhere else is damaged") {
        TarBuilder tar;
        tar.add({.name = "a", .content = std::string(600, 'x'), .pax = {{"path", "b"}}});
        const std::string& whole = tar.unfinished();
        for (std::size_t length = 1; length < whole.size(); ++length) {
            CAPTURE(length);
            REQUIRE(kind_of(whole.substr(0, length)) == Errc::corrupt);
        }
    }

    TEST_CASE("what is no tar is refused with its position") {
        CHECK(kind_of(std::string(5000, 'x')) == Errc::corrupt);
        TarBuilder tar;
        tar.file("a").raw(std::string(512, 'x'));
        CHECK(message(tar).find("byte 512") != std::string::npos);
        CHECK(message(tar).find("checksum") != std::string::npos);
    }

    TEST_CASE("headers whose fields are no numbers are refused") {
        for (const std::size_t field : {100U, 108U, 116U, 124U, 136U}) {
            Header header{.name = "f"};
            header.patches = {{field, "9zzzzzz"}};
            CHECK(kind_of(TarBuilder().add(header).finished()) == Errc::corrupt);
        }
        Header header{.name = "f", .type = '3'};
        header.patches = {{329, "9zzzzzz"}};
        CHECK(kind_of(TarBuilder().add(header).finished()) == Errc::corrupt);
    }

    TEST_CASE("numbers that no file can have are refused") {
        const auto kind_with = [](const char* key, const char* value, char type = '0') {
            return kind_of(
                TarBuilder().add({.name = "f", .type = type, .pax = {{key, value}}}).finished());
        };
        CHECK(kind_with("uid", "4294967295") == Errc::corrupt);
        CHECK(kind_with("gid", "99999999999") == Errc::corrupt);
        CHECK(kind_with("size", "9223372036854775808") == Errc::corrupt);
        CHECK(kind_with("SCHILY.devmajor", "4096", '3') == Errc::corrupt);
        CHECK(kind_with("SCHILY.devminor", "1048576", '4') == Errc::corrupt);
        Header header{.name = "f"};
        header.patches = {{124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}};
        CHECK(kind_of(TarBuilder().add(header).finished()) == Errc::corrupt);
    }

    TEST_CASE("names that are none are refused") {
        CHECK(kind_of(TarBuilder().file("").finished()) == Errc::corrupt);
        CHECK(kind_of(TarBuilder().symlink("s", "").finished()) == Errc::corrupt);
        CHECK(kind_of(TarBuilder()
                          .add({.name = "f", .pax = {{"path", std::string("a\0b", 3)}}})
                          .finished()) == Errc::corrupt);
        CHECK(
            kind_of(
                TarBuilder()
                    .add({.name = "f", .type = '1', .pax = {{"linkpath", std::string("a\0b", 3)}}})
                    .finished()) == Errc::corrupt);
    }

    TEST_CASE("types that POSIX does not have are unsupported") {
        for (const char type : {'A', 'D', 'M', 'N', 'V', 'X', 'Z', '8', '\n'}) {
            CAPTURE(type);
            CHECK(kind_of(TarBuilder().add({.name = "n", .type = type}).finished()) ==
                  Errc::unsupported);
        }
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
