#include "ext4/tree/directory_blocks.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
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

namespace thinsnap::test {

using ext4::InodeNumber;
using ext4::tree::DirectoryEntries;
using ext4::tree::kDirentSpace;
using ext4::tree::NamedInode;
using ext4::tree::NameHash;
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

/// Looks a name up as the kernel does: by the index only. Linux fs/ext4/namei.c, dx_probe(),
/// ext4_dx_find_entry() and ext4_htree_next_block().
class IndexedLookup {
public:
    explicit IndexedLookup(std::span<const std::byte> blocks)
        : blocks_(blocks) {
        levels_ = load_le<std::uint8_t>(blocks_, 30) + 1U;
    }

    [[nodiscard]] bool finds(std::string_view name) const {
        const std::uint32_t hash = NameHasher{}(name).major;
        std::vector<Step> path;
        std::uint32_t block = 0;
        for (std::uint32_t level = 0; level < levels_; ++level) {
            path.push_back(probe(block, hash));
            block = child_of(path.back());
        }
        for (;;) {
            if (leaf_has(block, name))
                return true;
            if (!next(path, hash))
                return false;
            block = child_of(path.back());
        }
    }

private:
    struct Step {
        std::size_t base = 0; // byte of the first entry
        std::uint32_t at = 0;
        std::uint32_t count = 0;
    };

    [[nodiscard]] std::uint32_t hash_at(const Step& step, std::uint32_t i) const {
        return load_le<std::uint32_t>(blocks_, step.base + i * 8U);
    }
    [[nodiscard]] std::uint32_t child_of(const Step& step) const {
        return load_le<std::uint32_t>(blocks_, step.base + step.at * 8U + 4);
    }
    [[nodiscard]] Step probe(std::uint32_t block, std::uint32_t hash) const {
        Step step{block * kBlock + (block == 0 ? 32U : 8U), 0, 0};
        step.count = load_le<std::uint16_t>(blocks_, step.base + 2);
        while (step.at + 1 < step.count && hash_at(step, step.at + 1) <= hash)
            ++step.at;
        return step;
    }
    [[nodiscard]] bool next(std::vector<Step>& path, std::uint32_t hash) const {
        std::size_t level = path.size();
        while (level > 0 && path[level - 1].at + 1 == path[level - 1].count)
            --level;
        if (level == 0)
            return false;
        ++path[level - 1].at;
        if ((hash_at(path[level - 1], path[level - 1].at) & ~1U) != hash ||
            (hash_at(path[level - 1], path[level - 1].at) & 1U) == 0)
            return false;
        for (; level < path.size(); ++level) {
            path[level] = probe(child_of(path[level - 1]), 0);
            path[level].at = 0;
        }
        return true;
    }
    [[nodiscard]] bool leaf_has(std::uint32_t block, std::string_view name) const {
        const auto leaf = blocks_.subspan(block * kBlock, kBlock);
        for (std::size_t at = 0; at < kDirentSpace; at += load_le<std::uint16_t>(leaf, at + 4)) {
            const std::size_t length = load_le<std::uint8_t>(leaf, at + 6);
            if (length == name.size() &&
                std::memcmp(leaf.subspan(at + 8, length).data(), name.data(), length) == 0)
                return true;
        }
        return false;
    }

    std::span<const std::byte> blocks_;
    std::uint32_t levels_ = 0;
};

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
