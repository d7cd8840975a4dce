#include "tar/writer.hpp"

#include <doctest/doctest.h>

#include "base/digest.hpp"
#include "tar/reader.hpp"

#include "support/content.hpp"
#include "support/random.hpp"
#include "support/text_sink.hpp"

namespace thinsnap::test {

using tar::Entry;
using tar::Reader;
using tar::SparseMap;
using tar::Type;
using tar::Writer;

namespace {

void write(Writer& writer,
           const Entry& entry,
           const std::string& content = {},
           const SparseMap* map = nullptr) {
    writer.begin(entry, map);
    writer.write(std::as_bytes(std::span(content)));
}

std::string
tar_of(const Entry& entry, const std::string& content = {}, const SparseMap* map = nullptr) {
    TextSink sink;
    Writer writer(sink);
    write(writer, entry, content, map);
    writer.finish();
    return sink.text();
}

/// What a reader makes of it; the content goes to `data`, its pieces joined.
Entry read_back(const std::string& tar, std::string& data) {
    MemorySource source(std::as_bytes(std::span(tar)));
    Reader reader(source);
    const Entry* entry = reader.next();
    REQUIRE(entry != nullptr);
    Entry copy = *entry;
    while (const auto piece = reader.next_piece())
        for (const std::byte b : piece->bytes)
            data += static_cast<char>(b);
    CHECK(reader.next() == nullptr);
    return copy;
}

void check_same(const Entry& a, const Entry& b) {
    CHECK(a.name == b.name);
    CHECK(a.type == b.type);
    CHECK(a.attributes == b.attributes);
    CHECK(a.size == b.size);
    CHECK(a.link_target == b.link_target);
    CHECK(a.device == b.device);
    CHECK(a.xattrs == b.xattrs);
}

void check_round_trip(const Entry& entry) {
    std::string data;
    const std::string content(entry.size, 'c');
    check_same(read_back(tar_of(entry, content), data), entry);
    CHECK(data == content);
}

Entry file_named(const std::string& name) {
    Entry entry;
    entry.name = name;
    entry.attributes.permissions = 0644;
    return entry;
}

} // namespace

TEST_SUITE("tar.writer") {
    TEST_CASE("a plain file is one ustar header and its content") {
        Entry entry = file_named("dir/file");
        entry.attributes = {04755, 1000, 1001, {1'600'000'000, 0}};
        entry.size = 3;
        const std::string tar = tar_of(entry, "abc");
        CHECK(tar.size() == 512 + 512 + 1024);
        CHECK(tar.substr(0, 9) == std::string("dir/file\0", 9));
        CHECK(tar.substr(100, 24) == std::string("0004755\0"
                                                 "0001750\0"
                                                 "0001751\0",
                                                 24));
        CHECK(tar.substr(124, 12) == std::string("00000000003\0", 12));
        CHECK(tar.substr(136, 12) == std::string("13727410000\0", 12));
        CHECK(tar.substr(156, 1) == "0");
        CHECK(tar.substr(257, 8) == std::string("ustar\00000", 8));
        CHECK(tar.substr(512, 4) == std::string("abc\0", 4));
    }

    TEST_CASE("every type comes back as it was") {
        for (const Type type : {Type::regular,
                                Type::hard_link,
                                Type::symlink,
                                Type::directory,
                                Type::character_device,
                                Type::block_device,
                                Type::fifo}) {
            Entry entry = file_named("name");
            entry.type = type;
            if (type == Type::hard_link || type == Type::symlink)
                entry.link_target = "target";
            if (type == Type::character_device || type == Type::block_device)
                entry.device = {4095, 1048575};
            check_round_trip(entry);
        }
    }

    TEST_CASE("what a header cannot say comes back all the same") {
        Entry entry = file_named(std::string(101, 'n') + "/" + std::string(3900, 'm'));
        entry.attributes.uid = 0xFFFF'FFFE;
        entry.attributes.gid = 2'097'152;
        for (const Timestamp time : {Timestamp{-1, 500'000'000},
                                     Timestamp{-2'000'000'000, 1},
                                     Timestamp{1, 999'999'999},
                                     Timestamp{8'589'934'592, 0},
                                     Timestamp{14'000'000'000, 7}}) {
            entry.attributes.mtime = time;
            check_round_trip(entry);
        }
        entry.type = Type::symlink;
        entry.link_target = std::string(4095, 't');
        check_round_trip(entry);
        entry.type = Type::regular;
        entry.link_target.clear();
        entry.xattrs = {{"security.capability", std::string("\1\0\0\2\0\n=", 7)},
                        {"user.a=b", std::string("\0=", 2)},
                        {"user.empty", ""},
                        {"user.large", std::string(65'536, 'x')}};
        check_round_trip(entry);
    }

    TEST_CASE("names are bytes in a header and in an extended one") {
        for (const std::size_t repeat : {1U, 60U})
            for (const std::string piece :
                 {"\xc3\xa4\n", "\xe4\x01", "\xed\xa0\x80", "\xf5", "\xe2\x82"}) {
                std::string name;
                for (std::size_t i = 0; i < repeat; ++i)
                    name += piece;
                Entry entry = file_named(name);
                entry.type = Type::symlink;
                entry.link_target = name;
                check_round_trip(entry);
                const bool binary = tar_of(entry).find("hdrcharset=BINARY") != std::string::npos;
                CHECK(binary == (name.size() > 100 && piece != "\xc3\xa4\n"));
            }
    }

    TEST_CASE("a file of more than 8 GiB says so in an extended header") {
        Entry entry = file_named("big");
        entry.size = 9'000'000'000;
        TextSink sink;
        Writer writer(sink);
        writer.begin(entry);
        MemorySource source(std::as_bytes(std::span(sink.text())));
        Reader reader(source);
        CHECK(reader.next()->size == 9'000'000'000);
        // The content is to come: the writer is left as it is.
    }

    TEST_CASE("content that is not what the entry promised is an error") {
        Entry entry = file_named("f");
        entry.size = 10;
        TextSink sink;
        Writer writer(sink);
        const std::string content(11, 'c');
        const auto bytes = std::as_bytes(std::span(content));
        writer.begin(entry);
        CHECK(failure_of([&] { writer.write(bytes); }) == Errc::internal);
        writer.write(bytes.first(9));
        CHECK(failure_of([&] { writer.end_content(); }) == Errc::internal);
        CHECK(failure_of([&] { writer.begin(entry); }) == Errc::internal);
        CHECK(failure_of([&] { writer.finish(); }) == Errc::internal);
        writer.write(bytes.first(1));
        writer.end_content();
        CHECK(sink.text().size() == 1024);
    }

    TEST_CASE("a sparse file keeps its holes and takes no room for them") {
        Entry entry = file_named("sparse");
        entry.size = std::uint64_t{1} << 40U;
        const SparseMap map{{4096, 512}, {1U << 30U, 5}, {entry.size, 0}};
        const std::string tar = tar_of(entry, std::string(517, 'x'), &map);
        CHECK(tar.size() < 10'000);
        MemorySource source(std::as_bytes(std::span(tar)));
        Reader reader(source);
        const Entry* read = reader.next();
        REQUIRE(read != nullptr);
        check_same(*read, entry);
        const auto first = reader.next_piece();
        REQUIRE(first);
        CHECK(first->offset == 4096);
        CHECK(first->bytes.size() == 512);
        const auto second = reader.next_piece();
        REQUIRE(second);
        CHECK(second->offset == 1U << 30U);
        CHECK_FALSE(reader.next_piece());
    }

    TEST_CASE("a map of any length fills whole blocks") {
        for (std::size_t ranges = 1; ranges < 200; ++ranges) {
            Entry entry = file_named("sparse");
            entry.size = 1'000'000;
            SparseMap map;
            for (std::size_t i = 0; i < ranges; ++i)
                map.push_back({i * 4096, 512});
            std::string data;
            check_same(read_back(tar_of(entry, std::string(ranges * 512, 'x'), &map), data), entry);
            REQUIRE(data.size() == ranges * 512);
        }
    }

    TEST_CASE("what a tar cannot hold is refused") {
        TextSink sink;
        Writer writer(sink);
        CHECK(failure_of([&] { writer.begin(file_named("")); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { writer.begin(file_named(std::string("a\0b", 3))); }) ==
              Errc::invalid_argument);
        Entry link = file_named("l");
        link.type = Type::symlink;
        CHECK(failure_of([&] { writer.begin(link); }) == Errc::invalid_argument);
        Entry xattr = file_named("x");
        xattr.xattrs = {{std::string("user.\0", 6), "c"}};
        CHECK(failure_of([&] { writer.begin(xattr); }) == Errc::invalid_argument);
        CHECK(sink.text().empty());
    }

    TEST_CASE("entries come back whatever they hold") {
        Random random(test_seed());
        for (int round = 0; round < 500; ++round) {
            const auto text = [&](std::size_t longest) {
                std::string bytes(1 + random.below(longest), '\0');
                for (char& c : bytes)
                    c = static_cast<char>(1 + random.below(255));
                return bytes;
            };
            Entry entry = file_named(text(random.one_in(2) ? 20 : 300));
            entry.attributes = {static_cast<std::uint16_t>(random.below(010000)),
                                static_cast<std::uint32_t>(random.below(0xFFFF'FFFF)),
                                static_cast<std::uint32_t>(random.below(3'000'000)),
                                {static_cast<std::int64_t>(random.below(1U << 31U)) - (1 << 30),
                                 static_cast<std::uint32_t>(random.below(1'000'000'000))}};
            entry.size = random.below(2000);
            if (random.one_in(2))
                entry.xattrs = {{"user." + text(10), text(600)}};
            check_round_trip(entry);
        }
    }

    TEST_CASE("the bytes of a tar never change") {
        TextSink sink;
        Writer writer(sink);
        Entry entry = file_named("./");
        entry.type = Type::directory;
        write(writer, entry);
        entry = file_named(std::string(150, 'l'));
        entry.attributes = {0600, 3'000'000, 5, {-1, 250'000'000}};
        entry.xattrs = {{"security.capability", std::string("\1\0\0\2", 4)}};
        entry.size = 5;
        write(writer, entry, "hello");
        entry = file_named("sparse");
        entry.size = 100'000;
        const SparseMap map{{8192, 4}, {100'000, 0}};
        write(writer, entry, "data", &map);
        entry = file_named("\xe4" + std::string(120, 'x'));
        entry.type = Type::hard_link;
        entry.link_target = "sparse";
        write(writer, entry);
        writer.finish();
        CHECK(Digest::of(sink.text()).to_string() ==
              "sha256:0c6ba4f3f0e1affa4c2fb1279fbdb76a1199fb072a39095423b3c511b9942521");
    }
}

} // namespace thinsnap::test
