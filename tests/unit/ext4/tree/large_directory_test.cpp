// Layers that change few names of a directory with many.

#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "ext4/tree_writer.hpp"

#include "support/ext4_image.hpp"
#include "support/random.hpp"

#include "unit/ext4/tree/layers_rig.hpp"

namespace thinsnap::test {

namespace {

constexpr std::size_t kBudget = 16; ///< chunks of 64 KiB: 1 MB

std::string name_of(std::uint64_t i) {
    return fmt::format("file-{:05}.txt", i);
}

void make_big(Fresh& fresh, std::uint64_t names) {
    fresh.layer([&](TreeWriter& writer) {
        const auto big = writer.create(kRootInode, "big", {FileType::directory, plain(0755)});
        for (std::uint64_t i = 0; i < names; ++i)
            if (i % 6999 == 0)
                make_file(writer, big, name_of(i), i, 3000);
            else
                writer.create(big, name_of(i), {FileType::regular, plain()});
    });
}

std::set<std::string> names_in(const FileSystem& fs, InodeNumber directory) {
    std::set<std::string> names;
    fs.for_each_entry(directory, [&](const ext4::Entry& entry) { names.insert(entry.name); });
    return names;
}

/// The chunks that one layer writes.
std::size_t cost_of(Fresh& fresh, const std::function<void(TreeWriter&, InodeNumber)>& change) {
    fresh.image.forget_touched();
    fresh.layer([&](TreeWriter& writer) {
        const auto big = writer.find(kRootInode, "big")->inode;
        change(writer, big);
        writer.set_attributes(big, plain(0755));
    });
    return fresh.image.touched().size();
}

} // namespace

TEST_SUITE("ext4.large_directory") {
    TEST_CASE("ten names more or less among 70000 cost a layer less than 1 MB") {
        Fresh fresh(2048 * kMiB);
        make_big(fresh, 70000);
        const std::size_t added = cost_of(fresh, [](TreeWriter& writer, InodeNumber big) {
            for (int i = 0; i < 10; ++i)
                make_file(writer, big, fmt::format("new {}", i), 1, 3000);
        });
        const std::size_t removed = cost_of(fresh, [](TreeWriter& writer, InodeNumber big) {
            for (std::uint64_t i = 0; i < 10; ++i)
                writer.remove(big, name_of(i * 6999));
        });
        const std::size_t both = cost_of(fresh, [](TreeWriter& writer, InodeNumber big) {
            for (std::uint64_t i = 0; i < 5; ++i) {
                make_file(writer, big, fmt::format("newer {}", i), 1, 3000);
                writer.remove(big, name_of(i * 999 + 1));
            }
        });
        MESSAGE(added, " chunks to add ten, ", removed, " to remove ten, ", both, " for five each");
        CHECK(added <= kBudget);
        CHECK(removed <= kBudget);
        CHECK(both <= kBudget);
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        const auto names = names_in(fs, at(fs, "big"));
        CHECK(names.size() == 70000);
        CHECK(names.count("new 7") == 1);
        CHECK(names.count(name_of(6999)) == 0);
    }

    TEST_CASE("many changes of a large directory are written in one piece") {
        Fresh fresh(512 * kMiB);
        make_big(fresh, 20000);
        fresh.layer([&](TreeWriter& writer) {
            const auto big = writer.find(kRootInode, "big")->inode;
            for (std::uint64_t i = 0; i < 10000; ++i)
                writer.remove(big, name_of(i * 2));
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        std::size_t extents = 0;
        fs.for_each_extent(at(fs, "big"), [&](const ext4::FileExtent&) { ++extents; });
        CHECK(extents == 1);
        CHECK(names_in(fs, at(fs, "big")).size() == 10000);
    }

    TEST_CASE("layers of random changes to a large directory keep its names") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        Fresh fresh(256 * kMiB);
        make_big(fresh, 8000);
        std::set<std::string> expected;
        for (std::uint64_t i = 0; i < 8000; ++i)
            expected.insert(name_of(i));
        for (int round = 0; round < (long_run() ? 300 : 15); ++round) {
            CAPTURE(round);
            fresh.layer([&](TreeWriter& writer) {
                const auto big = writer.find(kRootInode, "big")->inode;
                for (std::uint64_t n = 1 + random.below(round % 5 == 4 ? 200 : 20); n > 0; --n) {
                    const std::string name = name_of(random.below(16000));
                    if (expected.erase(name) != 0) {
                        writer.remove(big, name);
                    } else {
                        expected.insert(name);
                        writer.create(big, name, {FileType::symlink, plain(0777), name});
                    }
                }
            });
            REQUIRE(complaints_of_e2fsck(fresh.image) == "");
            const FileSystem fs(fresh.image, FileSystemAccess::read_only);
            REQUIRE((names_in(fs, at(fs, "big")) == expected));
            REQUIRE(fs.statistics().inodes - fs.statistics().free_inodes == expected.size() + 11);
        }
    }

    TEST_CASE("a directory whose index is damaged is written whole and well") {
        Fresh fresh;
        make_big(fresh, 8000);
        std::uint64_t start = 0;
        {
            const FileSystem fs(fresh.image, FileSystemAccess::read_only);
            fs.for_each_extent(at(fs, "big"),
                               [&](const ext4::FileExtent& extent) { start = extent.physical; });
        }
        std::vector<std::byte> root(4096);
        fresh.image.read(start, root);
        std::swap(root[36], root[44]); // two leaves; what lists names does not look there
        fresh.image.write(start, root);
        REQUIRE(complaints_of_e2fsck(fresh.image) != "");
        fresh.layer([&](TreeWriter& writer) {
            writer.remove(writer.find(kRootInode, "big")->inode, name_of(5));
        });
        fresh.check();
        const FileSystem fs(fresh.image, FileSystemAccess::read_only);
        CHECK(names_in(fs, at(fs, "big")).size() == 7999);
    }

    TEST_CASE("the same changes of a large directory give the same bytes") {
        std::vector<std::byte> first(128 * kMiB);
        std::vector<std::byte> second(first.size());
        for (std::vector<std::byte>* bytes : {&first, &second}) {
            Fresh fresh(first.size());
            make_big(fresh, 6000);
            for (std::uint64_t layer = 0; layer < 3; ++layer)
                (void)cost_of(fresh, [&](TreeWriter& writer, InodeNumber big) {
                    for (std::uint64_t i = 0; i < 10; ++i) {
                        make_file(writer, big, fmt::format("new {} {}", layer, i), i, 100 * i);
                        writer.remove(big, name_of(layer * 100 + i));
                    }
                });
            fresh.image.read(0, *bytes);
        }
        CHECK((first == second));
    }
}

} // namespace thinsnap::test
