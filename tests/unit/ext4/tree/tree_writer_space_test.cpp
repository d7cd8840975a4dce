#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "ext4/tree_writer.hpp"

#include "support/content.hpp"

#include "unit/ext4/tree/layers_rig.hpp"

namespace thinsnap::test {

TEST_SUITE("ext4.tree_writer_space") {
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
        CHECK(fresh.image.touched().size() <= 8); // 7 when this was written
    }

    TEST_CASE("a damaged parent is refused and never followed in circles") {
        Fresh fresh;
        fresh.layer([&](TreeWriter& writer) {
            const auto a = writer.create(kRootInode, "a", {FileType::directory, plain()});
            const auto b = writer.create(a, "b", {FileType::directory, plain()});
            make_file(writer, b, "f", 1, 5000);
        });
        SUBCASE("a directory in itself") {
            debugfs_write(fresh.image, {"ln /a /a/b/loop"});
        }
        SUBCASE("a directory with two names") {
            debugfs_write(fresh.image, {"ln /a/b /a/c"});
        }
        SUBCASE("a name of the root") {
            debugfs_write(fresh.image, {"ln / /a/b/root"});
        }
        SUBCASE("a name of an inode that is free") {
            debugfs_write(fresh.image, {"clri /a/b/f"});
        }
        SUBCASE("a block that is free") {
            std::uint64_t start = 0;
            {
                const FileSystem fs(fresh.image, FileSystemAccess::read_only);
                fs.for_each_extent(at(fs, "f", at(fs, "b", at(fs, "a"))),
                                   [&](const ext4::FileExtent& e) { start = e.physical; });
            }
            debugfs_write(fresh.image, {fmt::format("freeb {}", start / 4096)});
        }
        FileSystem fs(fresh.image, FileSystemAccess::read_write);
        TreeWriter writer(fs);
        CHECK(failure_of([&] { writer.remove(kRootInode, "a"); }) == Errc::corrupt);
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
