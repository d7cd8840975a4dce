#include "ext4/tree/directory_blocks.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "base/endian.hpp"
#include "ext4/tree/directory_reader.hpp"
#include "ext4/tree/dirent.hpp"

#include "support/colliding_names.hpp"
#include "support/content.hpp"
#include "support/random.hpp"

#include "unit/ext4/tree/indexed_lookup.hpp"

namespace thinsnap::test {

using ext4::InodeNumber;
using ext4::tree::DirectoryEntries;
using ext4::tree::kDirentSpace;
using ext4::tree::NamedInode;
using ext4::tree::NameHasher;
using ext4::tree::pack_directory;
using ext4::tree::PackedDirectory;
using ext4::tree::read_directory;

namespace {

constexpr std::uint32_t kSeed = 99;
constexpr std::size_t kBlock = 4096;

std::vector<std::string> numbered_names(std::size_t count, std::size_t length) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i)
        names.push_back(fmt::format("{:0>{}}", i, length));
    return names;
}

PackedDirectory pack(const std::vector<std::string>& names) {
    std::vector<NamedInode> entries;
    for (const std::string& name : names)
        entries.push_back({name, InodeNumber(static_cast<std::uint32_t>(entries.size() + 12)), 1});
    return pack_directory({InodeNumber(100), InodeNumber(2), kSeed}, entries, NameHasher{});
}

std::size_t names_read(const PackedDirectory& packed, const std::vector<std::string>& names) {
    const auto content = read_directory(packed.blocks, kSeed);
    CHECK(content.parent == InodeNumber(2));
    CHECK(content.entries.size() == names.size());
    std::size_t right = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto found = content.entries.find(names[i]);
        right += found && found->inode == InodeNumber(static_cast<std::uint32_t>(i + 12)) ? 1U : 0U;
    }
    return right;
}

std::size_t names_found(const PackedDirectory& packed, const std::vector<std::string>& names) {
    const IndexedLookup lookup(packed.blocks);
    return static_cast<std::size_t>(std::count_if(
        names.begin(), names.end(), [&](const std::string& name) { return lookup.finds(name); }));
}

} // namespace

TEST_SUITE("ext4.directory_blocks") {
    TEST_CASE("an empty directory is one block with . and ..") {
        const auto packed = pack({});
        CHECK(packed.blocks.size() == kBlock);
        CHECK_FALSE(packed.indexed);
        CHECK(names_read(packed, {}) == 0);
        CHECK(load_le<std::uint16_t>(packed.blocks, 12 + 4) == kDirentSpace - 12);
    }

    TEST_CASE("a block is filled to its last byte before there is an index") {
        // 24 bytes of . and .., 4084 less that in 145 entries of 28 bytes.
        const auto names = numbered_names(145, 20);
        const auto packed = pack(names);
        CHECK(packed.blocks.size() == kBlock);
        CHECK_FALSE(packed.indexed);
        CHECK(names_read(packed, names) == names.size());
        const auto more = numbered_names(146, 20);
        CHECK(pack(more).indexed);
        CHECK(names_read(pack(more), more) == more.size());
    }

    TEST_CASE("every name of an indexed directory is found by its hash") {
        for (const std::size_t count : {std::size_t{200}, std::size_t{5000}, std::size_t{70000}}) {
            CAPTURE(count);
            const auto names = numbered_names(count, 17);
            const auto packed = pack(names);
            CHECK(packed.indexed);
            CHECK(load_le<std::uint8_t>(packed.blocks, 30) == (count < 70000 ? 0 : 1));
            CHECK(names_read(packed, names) == names.size());
            CHECK(names_found(packed, names) == names.size());
        }
    }

    TEST_CASE("a directory of more than 507 leaves has two levels") {
        const auto names = numbered_names(10000, 255);
        const auto packed = pack(names);
        CHECK(load_le<std::uint8_t>(packed.blocks, 30) == 1);
        CHECK(names_read(packed, names) == names.size());
        CHECK(names_found(packed, names) == names.size());
    }

    TEST_CASE("names of any bytes and any length are kept") {
        Random random(3);
        std::vector<std::string> names;
        for (std::size_t length = 1; length <= 255; ++length) {
            std::string name(length, 'x');
            for (char& c : name)
                do
                    c = static_cast<char>(random.below(256));
                while (c == '/' || c == '\0');
            if (name != "." && name != "..")
                names.push_back(name);
        }
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        const auto packed = pack(names);
        CHECK(names_read(packed, names) == names.size());
        CHECK(names_found(packed, names) == names.size());
    }

    TEST_CASE("names of one hash on both sides of a leaf's end are found") {
        const auto names = names_that_collide_across_leaves(NameHasher{});
        REQUIRE(names.size() > 2);
        const auto packed = pack(names);
        bool continued = false;
        const std::uint32_t leaves = load_le<std::uint16_t>(packed.blocks, 34);
        for (std::uint32_t i = 1; i < leaves; ++i)
            continued |= (load_le<std::uint32_t>(packed.blocks, 32 + i * 8) & 1U) != 0;
        CHECK(continued);
        CHECK(names_found(packed, names) == names.size());
    }

    TEST_CASE("blocks that no directory can have are corrupt") {
        auto packed = pack({"a", "b", "c"});
        auto& blocks = packed.blocks;
        const auto is_corrupt = [&] {
            return failure_of([&] { (void)read_directory(blocks, kSeed); }) == Errc::corrupt;
        };
        CHECK_FALSE(is_corrupt());
        SUBCASE("checksum") {
            blocks[33] ^= std::byte{1};
        }
        SUBCASE("rec_len of nothing") {
            store_le<std::uint16_t>(blocks, 4, 0);
        }
        SUBCASE("rec_len behind the end") {
            store_le<std::uint16_t>(blocks, 4, 4096 + 12);
        }
        SUBCASE("rec_len that is not aligned") {
            store_le<std::uint16_t>(blocks, 4, 13);
        }
        SUBCASE("a name longer than its entry") {
            blocks[6] = std::byte{5};
        }
        CHECK(is_corrupt());
    }
}

} // namespace thinsnap::test
