#include "ext4/tree_writer.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"

#include "support/content.hpp"
#include "support/random.hpp"

#include "unit/ext4/image_file.hpp"

namespace thinsnap::test {

using ext4::Attributes;
using ext4::ContentWriter;
using ext4::DeviceNumber;
using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;
using ext4::kRootInode;
using ext4::NewInode;
using ext4::TreeWriter;
using ext4::Xattr;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

/// A fresh file system on a file.
struct Fresh {
    ImageFile image;

    explicit Fresh(std::uint64_t size = 256 * kMiB)
        : image(size) {
        ext4::format(image, options_for(size));
    }

    /// Applies `change` as one layer.
    void layer(const std::function<void(TreeWriter&)>& change) {
        FileSystem file_system(image, FileSystemAccess::read_write);
        TreeWriter writer(file_system);
        change(writer);
        writer.finish();
    }
    void check() const { CHECK(complaints_of_e2fsck(image) == ""); }
};

Attributes plain(std::uint16_t permissions = 0644) {
    return {permissions, 1000, 1001, {1700000000, 123456789}};
}

InodeNumber make_file(TreeWriter& writer,
                      InodeNumber directory,
                      std::string_view name,
                      std::uint64_t seed,
                      std::size_t size) {
    const InodeNumber number = writer.create(directory, name, {FileType::regular, plain()});
    ContentWriter content = writer.open_content(number);
    content.write(0, pattern(seed, 0, size));
    content.close(size);
    return number;
}

std::vector<std::byte> content_of(const FileSystem& fs, InodeNumber number) {
    std::vector<std::byte> bytes(fs.inode(number).size);
    CHECK(fs.read(number, 0, bytes) == bytes.size());
    return bytes;
}

InodeNumber at(const FileSystem& fs, std::string_view name, InodeNumber directory = kRootInode) {
    const auto found = fs.find(directory, name);
    REQUIRE_MESSAGE(found.has_value(), name);
    return found->inode;
}

std::string text(std::size_t size, char c) {
    return std::string(size, c);
}

} // namespace

TEST_SUITE("ext4.tree_writer") {
    TEST_CASE("nothing but finish changes nothing that e2fsck minds") {
        Fresh fresh;
        fresh.layer([](TreeWriter&) {});
        fresh.check();
    }

    TEST_CASE("all seven types come out as they were put in") {
        Fresh fresh;
        const std::map<std::string, NewInode> wanted = {
            {"file", {FileType::regular, plain(04755)}},
            {"dir", {FileType::directory, plain(01777)}},
            {"short", {FileType::symlink, plain(0777), text(59, 's')}},
            {"long", {FileType::symlink, plain(0777), text(60, 'l')}},
            {"longest", {FileType::symlink, plain(0777), text(4095, 'm')}},
            {"chr", {FileType::character_device, plain(0600), "", DeviceNumber{5, 1}}},
            {"blk", {FileType::block_device, plain(0600), "", DeviceNumber{259, 300000}}},
            {"fifo", {FileType::fifo, {0600, 0x12345678, 0xFFFFFFFE, {-5, 7}}}},
            {"sock", {FileType::socket, {0600, 70000, 0, {0x300000000LL, 999999999}}}},
        };
        fresh.layer([&](TreeWriter& writer) {
            for (const auto& [name, what] : wanted)
                CHECK(writer.inode(writer.create(kRootInode, name, what)).type == what.type);
            for (const auto& [name, what] : wanted)
                if (what.type == FileType::symlink)
                    CHECK(writer.link_target(writer.find(kRootInode, name)->inode) ==
                          what.link_target);
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        for (const auto& [name, what] : wanted) {
            CAPTURE(name);
            const InodeInfo info = fs.inode(at(fs, name));
            CHECK(info.type == what.type);
            CHECK((info.attributes == what.attributes));
            CHECK((info.ctime == what.attributes.mtime));
            CHECK((info.device == what.device));
            CHECK(fs.find(kRootInode, name)->type == what.type);
            if (what.type == FileType::symlink)
                CHECK(fs.link_target(info.number) == what.link_target);
        }
    }

    TEST_CASE("content of any shape comes out as it was put in") {
        Fresh fresh;
        const std::vector<std::size_t> sizes = {0, 1, 4095, 4096, 4097, 65536, 5'000'001};
        fresh.layer([&](TreeWriter& writer) {
            for (const std::size_t size : sizes)
                make_file(writer, kRootInode, fmt::format("f{}", size), size, size);
            const auto pieces = writer.create(kRootInode, "pieces", {FileType::regular, plain()});
            ContentWriter content = writer.open_content(pieces);
            for (std::size_t offset = 0; offset < 1'000'000;) {
                const std::size_t length = 1 + offset % 9001;
                content.write(offset, pattern(77, offset, length));
                offset += length;
            }
            content.close(2'000'000);
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        for (const std::size_t size : sizes)
            CHECK(content_of(fs, at(fs, fmt::format("f{}", size))) == pattern(size, 0, size));
        const auto pieces = content_of(fs, at(fs, "pieces"));
        CHECK(std::equal(
            pieces.begin(), pieces.begin() + 1'000'000, pattern(77, 0, 1'000'000).begin()));
        CHECK(std::all_of(pieces.begin() + 1'010'000, pieces.end(), [](std::byte b) {
            return b == std::byte{0};
        }));
        CHECK(fs.inode(at(fs, "f5000001")).allocated_bytes == 5'001'216);
    }

    TEST_CASE("a sparse file of many pieces has a tree of extents and holes") {
        Fresh fresh;
        constexpr std::uint64_t kStep = 5 * 4096;
        constexpr std::uint32_t kPieces = 3000;
        fresh.layer([&](TreeWriter& writer) {
            const auto number = writer.create(kRootInode, "sparse", {FileType::regular, plain()});
            ContentWriter content = writer.open_content(number);
            for (std::uint32_t i = 0; i < kPieces; ++i)
                content.write(i * kStep + 100, pattern(i, 0, 50));
            content.close(kPieces * kStep + (std::uint64_t{1} << 40U));
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        const InodeNumber number = at(fs, "sparse");
        CHECK(fs.inode(number).allocated_bytes == (kPieces + 10) * 4096);
        for (const std::uint32_t i : {0U, 1U, 1500U, kPieces - 1}) {
            std::vector<std::byte> piece(kStep);
            CHECK(fs.read(number, i * kStep, piece) == piece.size());
            std::vector<std::byte> expected(kStep);
            const auto written = pattern(i, 0, 50);
            std::copy(written.begin(), written.end(), expected.begin() + 100);
            CHECK(piece == expected);
        }
    }

    TEST_CASE("content comes in order") {
        Fresh fresh;
        FileSystem fs(fresh.image, FileSystemAccess::read_write);
        TreeWriter writer(fs);
        const auto number = writer.create(kRootInode, "f", {FileType::regular, plain()});
        ContentWriter content = writer.open_content(number);
        content.write(100, pattern(1, 0, 50));
        CHECK(failure_of([&] { content.write(149, pattern(1, 0, 1)); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { content.close(149); }) == Errc::invalid_argument);
        CHECK(failure_of([&] { content.write(std::uint64_t{1} << 44U, pattern(1, 0, 1)); }) ==
              Errc::invalid_argument);
        CHECK(failure_of([&] { writer.remove(kRootInode, "f"); }) == Errc::precondition);
        CHECK(failure_of([&] { (void)writer.open_content(number); }) == Errc::precondition);
        content.close(150);
        CHECK(failure_of([&] { content.close(150); }) == Errc::precondition);
        writer.finish();
        CHECK(failure_of([&] { writer.finish(); }) == Errc::precondition);
        fresh.check();
    }

    TEST_CASE("extended attributes of any size come out as they were put in") {
        Fresh fresh;
        using namespace std::literals;
        const std::string acl = "\x02\x00\x00\x00"
                                "\x01\x00\x07\x00\xff\xff\xff\xff"
                                "\x02\x00\x05\x00\xe8\x03\x00\x00"
                                "\x04\x00\x05\x00\xff\xff\xff\xff"
                                "\x10\x00\x07\x00\xff\xff\xff\xff"
                                "\x20\x00\x00\x00\xff\xff\xff\xff"s;
        const std::map<std::string, std::vector<Xattr>> wanted = {
            {"capability", {{"security.capability", text(20, 'c')}}},
            {"empty", {{"user.empty", ""}}},
            {"acl", {{"system.posix_acl_access", acl}, {"system.posix_acl_default", acl}}},
            {"block", {{"trusted.overlay.opaque", "y"}, {"user.big", text(3000, 'b')}}},
            {"large", {{"user.a", text(65536, 'a')}, {"user.b", text(5000, 'b')}, {"user.c", "c"}}},
        };
        fresh.layer([&](TreeWriter& writer) {
            for (const auto& [name, xattrs] : wanted) {
                const auto number =
                    writer.create(kRootInode, name, {FileType::directory, plain(0755)});
                writer.set_xattrs(number, xattrs);
            }
            const auto link = writer.create(kRootInode, "link", {FileType::symlink, plain(), "to"});
            writer.set_xattrs(link, {{"trusted.x", text(500, 'x')}});
        });
        fresh.check();
        {
            const FileSystem fs(fresh.image, FileSystemAccess::read_only);
            for (const auto& [name, xattrs] : wanted)
                CHECK((fs.xattrs(at(fs, name)) == xattrs));
            CHECK((fs.xattrs(at(fs, "link")) == std::vector<Xattr>{{"trusted.x", text(500, 'x')}}));
            CHECK(fs.link_target(at(fs, "link")) == "to");
        }
        const auto used = [&] {
            return FileSystem(fresh.image, FileSystemAccess::read_only).statistics();
        };
        const auto before = used();
        fresh.layer([&](TreeWriter& writer) {
            writer.set_xattrs(writer.find(kRootInode, "large")->inode, {{"user.z", "z"}});
            writer.set_xattrs(writer.find(kRootInode, "capability")->inode,
                              {{"user.a", text(9000, 'n')}});
            writer.remove(kRootInode, "block");
        });
        fresh.check();
        CHECK(used().free_inodes == before.free_inodes + 2); // two values and a directory, less one
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        CHECK((fs.xattrs(at(fs, "large")) == std::vector<Xattr>{{"user.z", "z"}}));
        CHECK((fs.xattrs(at(fs, "capability")) == std::vector<Xattr>{{"user.a", text(9000, 'n')}}));
    }

    TEST_CASE("hard links lead to one inode across layers") {
        Fresh fresh;
        fresh.layer([&](TreeWriter& writer) {
            const auto file = make_file(writer, kRootInode, "a", 1, 5000);
            writer.link(kRootInode, "b", file);
            const auto dir = writer.create(kRootInode, "d", {FileType::directory, plain(0755)});
            writer.create(dir, "link", {FileType::symlink, plain(), "x"});
            CHECK(failure_of([&] { writer.link(kRootInode, "e", dir); }) == Errc::invalid_argument);
            CHECK(failure_of([&] { writer.link(kRootInode, "a", file); }) == Errc::already_exists);
        });
        fresh.layer([&](TreeWriter& writer) {
            const auto file = writer.find(kRootInode, "b")->inode;
            const auto dir = writer.find(kRootInode, "d")->inode;
            CHECK(writer.parent(dir) == kRootInode);
            writer.link(dir, "c", file);
            writer.link(kRootInode, "link2", writer.find(dir, "link")->inode);
            writer.remove(kRootInode, "a");
            CHECK(writer.inode(file).links == 2);
        });
        fresh.check();
        fresh.layer([&](TreeWriter& writer) { writer.remove(kRootInode, "d"); });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        CHECK(fs.inode(at(fs, "b")).links == 1);
        CHECK(content_of(fs, at(fs, "b")) == pattern(1, 0, 5000));
        CHECK(fs.link_target(at(fs, "link2")) == "x");
        CHECK_FALSE(fs.find(kRootInode, "a").has_value());
    }

    TEST_CASE("requests that make no sense are refused and change nothing") {
        Fresh fresh;
        fresh.layer([&](TreeWriter& writer) {
            const auto file = make_file(writer, kRootInode, "f", 1, 10);
            const auto refused = [&](std::string_view name, const NewInode& what) {
                return failure_of([&] { writer.create(kRootInode, name, what); });
            };
            for (const std::string& name : {std::string(),
                                            std::string("."),
                                            std::string(".."),
                                            std::string("a/b"),
                                            std::string("a\0b", 3),
                                            text(256, 'n')})
                CHECK(refused(name, {FileType::regular, plain()}) == Errc::invalid_argument);
            CHECK(refused("f", {FileType::regular, plain()}) == Errc::already_exists);
            CHECK(refused("l", {FileType::symlink, plain()}) == Errc::invalid_argument);
            CHECK(refused("l", {FileType::symlink, plain(), text(4096, 'l')}) ==
                  Errc::invalid_argument);
            CHECK(refused("d", {FileType::block_device, plain()}) == Errc::invalid_argument);
            CHECK(refused("d", {FileType::block_device, plain(), "", DeviceNumber{4096, 1}}) ==
                  Errc::invalid_argument);
            CHECK(failure_of([&] {
                      writer.create(file, "x", {FileType::regular, plain()});
                  }) == Errc::invalid_argument);
            CHECK(failure_of([&] { writer.remove(kRootInode, "none"); }) == Errc::not_found);
            CHECK(failure_of([&] { (void)writer.open_content(kRootInode); }) ==
                  Errc::invalid_argument);
            CHECK(failure_of([&] {
                      writer.set_xattrs(file, {{"apple", "x"}});
                  }) == Errc::unsupported);
            CHECK(failure_of([&] { (void)writer.inode(InodeNumber(5000)); }) == Errc::corrupt);
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        int names = 0;
        fs.for_each_entry(kRootInode, [&](const ext4::Entry&) { ++names; });
        CHECK(names == 1);
    }

    TEST_CASE("a removed tree gives everything back") {
        Fresh fresh;
        fresh.layer([](TreeWriter&) {});
        const auto used = [&] {
            return FileSystem(fresh.image, FileSystemAccess::read_only).statistics();
        };
        const auto before = used();
        fresh.layer([&](TreeWriter& writer) {
            InodeNumber directory =
                writer.create(kRootInode, "top", {FileType::directory, plain()});
            for (int depth = 0; depth < 300; ++depth) {
                const auto file = make_file(writer, directory, "file", 1, 9000);
                writer.set_xattrs(file, {{"user.big", text(3000, 'b')}});
                writer.create(directory, "link", {FileType::symlink, plain(), text(100, 'x')});
                directory = writer.create(directory, "below", {FileType::directory, plain()});
            }
        });
        fresh.check();
        CHECK(used().free_inodes == before.free_inodes - 901);
        fresh.layer([&](TreeWriter& writer) { writer.remove(kRootInode, "top"); });
        fresh.check();
        const auto after = used();
        CHECK(after.free_inodes == before.free_inodes);
        CHECK(after.free_blocks == before.free_blocks);
        CHECK(after.directories == before.directories);
    }

    TEST_CASE("ten small files cost a child layer less than 1 MB") {
        Fresh fresh(10240 * kMiB);
        fresh.layer([&](TreeWriter& writer) {
            for (int d = 0; d < 200; ++d) {
                const auto directory = writer.create(
                    kRootInode, fmt::format("dir{}", d), {FileType::directory, plain(0755)});
                for (int f = 0; f < 50; ++f)
                    make_file(writer, directory, fmt::format("file{}", f), 1, 3000);
            }
        });
        fresh.image.forget_touched();
        fresh.layer([&](TreeWriter& writer) {
            for (int i = 0; i < 10; ++i) {
                const auto directory = writer.find(kRootInode, fmt::format("dir{}", i * 20))->inode;
                make_file(writer, directory, "new", 2, 3000);
                writer.set_attributes(directory, plain(0700));
            }
        });
        fresh.check();
        MESSAGE("chunks: " << fresh.image.touched_chunks());
        CHECK(fresh.image.touched_chunks() * ImageFile::kChunk <= 1'000'000);
    }

    TEST_CASE("the same calls give the same bytes") {
        std::vector<std::byte> first(64 * kMiB);
        std::vector<std::byte> second(64 * kMiB);
        for (std::vector<std::byte>* bytes : {&first, &second}) {
            Fresh fresh(64 * kMiB);
            for (std::uint64_t layer = 0; layer < 3; ++layer)
                fresh.layer([&](TreeWriter& writer) {
                    for (std::uint64_t i = 0; i < 100; ++i) {
                        const auto d = writer.create(kRootInode,
                                                     fmt::format("d{}-{}", layer, i),
                                                     {FileType::directory, plain()});
                        make_file(writer, d, "f", i, i * 100);
                        if (layer > 0 && i % 3 == 0)
                            writer.remove(kRootInode, fmt::format("d{}-{}", layer - 1, i));
                    }
                });
            fresh.image.read(0, *bytes);
        }
        CHECK((first == second));
    }

    TEST_CASE("chunks that lose their last block are discarded") {
        Fresh fresh;
        fresh.layer([&](TreeWriter& writer) { make_file(writer, kRootInode, "f", 1, 10 * kMiB); });
        std::uint64_t start = 0;
        {
            const FileSystem fs(fresh.image, FileSystemAccess::read_only);
            fs.for_each_extent(at(fs, "f"), [&](const ext4::FileExtent& e) { start = e.physical; });
        }
        CHECK_FALSE(holds_zeros(fresh.image, start, 10 * kMiB));
        fresh.layer([&](TreeWriter& writer) { writer.remove(kRootInode, "f"); });
        CHECK(holds_zeros(fresh.image, start, 10 * kMiB));
        fresh.check();
    }

    TEST_CASE("a file system that is full grows by its rule") {
        Fresh fresh(128 * kMiB);
        int calls = 0;
        {
            FileSystem fs(fresh.image, FileSystemAccess::read_write);
            TreeWriter writer(fs, {.grow_device = [&](std::uint64_t bytes) {
                                  ++calls;
                                  fresh.image.resize(bytes);
                              }});
            for (std::uint64_t i = 0; i < 30; ++i)
                make_file(writer, kRootInode, fmt::format("f{}", i), i, 10 * kMiB);
            writer.finish();
        }
        CHECK(calls >= 1);
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        for (std::uint64_t i = 0; i < 30; ++i)
            CHECK((content_of(fs, at(fs, fmt::format("f{}", i))) == pattern(i, 0, 10 * kMiB)));
    }

    TEST_CASE("a file system that cannot grow is filled to its last blocks") {
        Fresh fresh(64 * kMiB);
        FileSystem fs(fresh.image, FileSystemAccess::read_write);
        const std::uint64_t free = fs.statistics().free_blocks;
        TreeWriter writer(fs);
        std::uint64_t files = 0;
        const auto error = failure_of([&] {
            for (;; ++files)
                make_file(writer, kRootInode, fmt::format("f{}", files), files, 64U << 10U);
        });
        CHECK(error == Errc::no_space);
        CHECK(files * 16 > free - 200); // and the bitmaps of groups to come
    }
}

} // namespace thinsnap::test
