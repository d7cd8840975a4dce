#include "ext4/tree_writer.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "support/content.hpp"

#include "unit/ext4/tree/layers_rig.hpp"

namespace thinsnap::test {

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
        for (const auto& entry : wanted) {
            const std::string& name = entry.first;
            const NewInode& what = entry.second;
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
        const std::uint64_t step = 5 * 4096;
        const std::uint32_t pieces = 3000;
        fresh.layer([&](TreeWriter& writer) {
            const auto number = writer.create(kRootInode, "sparse", {FileType::regular, plain()});
            ContentWriter content = writer.open_content(number);
            for (std::uint32_t i = 0; i < pieces; ++i)
                content.write(i * step + 100, pattern(i, 0, 50));
            content.close(pieces * step + (std::uint64_t{1} << 40U));
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        const InodeNumber number = at(fs, "sparse");
        CHECK(fs.inode(number).allocated_bytes == (pieces + 10) * 4096);
        for (const std::uint32_t i : {0U, 1U, 1500U, pieces - 1}) {
            std::vector<std::byte> piece(step);
            CHECK(fs.read(number, i * step, piece) == piece.size());
            std::vector<std::byte> expected(step);
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
}

} // namespace thinsnap::test
