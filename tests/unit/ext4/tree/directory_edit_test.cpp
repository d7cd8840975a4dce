#include "ext4/tree/directory_edit.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"
#include "ext4/tree/directory_index.hpp"
#include "ext4/tree/directory_reader.hpp"

#include "support/random.hpp"

#include "unit/ext4/tree/indexed_lookup.hpp"

namespace thinsnap::test {

using ext4::InodeNumber;
using ext4::tree::DirectoryBlocks;
using ext4::tree::DirectoryEntries;
using ext4::tree::DirectoryIdentity;
using ext4::tree::DirectorySource;
using ext4::tree::NameChange;
using ext4::tree::NamedInode;
using ext4::tree::NameHasher;

namespace {

constexpr std::uint32_t kSeed = 99;
constexpr std::size_t kBlock = ext4::kBlockSize;
constexpr DirectoryIdentity kIdentity{InodeNumber(100), InodeNumber(2), kSeed};

/// Names of which each has another one with its hash.
const std::vector<std::string>& colliding_names() {
    static const std::vector<std::string> names = [] {
        std::unordered_map<std::uint32_t, std::string> seen;
        std::vector<std::string> pairs;
        for (int i = 0; i < 1'000'000; ++i) {
            std::string name = fmt::format("{:0>100}", i);
            const auto [other, fresh] = seen.try_emplace(NameHasher{}(name).major, name);
            if (fresh)
                continue;
            pairs.push_back(other->second);
            pairs.push_back(std::move(name));
        }
        return pairs;
    }();
    return names;
}

std::vector<std::string> numbered_names(std::size_t count, std::size_t length = 0) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i)
        names.push_back(fmt::format("file number {:0>{}}", i, length));
    return names;
}

/// A directory's blocks, and what they must hold.
struct Rig {
    std::map<std::string, std::uint32_t> names;
    std::vector<std::byte> blocks;
    std::uint32_t next_inode = 1000;

    void pack() {
        std::vector<NamedInode> entries;
        for (const auto& [name, inode] : names)
            entries.push_back({name, InodeNumber(inode), 1});
        blocks = ext4::tree::pack_directory(kIdentity, entries, NameHasher{}).blocks;
    }
    void put(const std::vector<std::string>& some) {
        for (const std::string& name : some)
            names[name] = next_inode++;
        pack();
    }

    /// What becomes of the blocks when these names come where they were not, and go where they
    /// were; the names are changed, the blocks are not.
    std::optional<DirectoryBlocks> toggle(const std::set<std::string>& some) {
        std::vector<NameChange> changes;
        for (const std::string& name : some) {
            const bool was_there = names.erase(name) != 0;
            if (!was_there)
                names[name] = next_inode++;
            NameChange change{name, was_there, {}};
            if (!was_there)
                change.now = DirectoryEntries::Found{InodeNumber(names[name]), 1};
            changes.push_back(change);
        }
        return edit(changes);
    }
    [[nodiscard]] std::optional<DirectoryBlocks> edit(std::span<const NameChange> changes) const {
        return edit_directory({kIdentity,
                               static_cast<std::uint32_t>(blocks.size() / kBlock),
                               1'000'000,
                               [&](std::uint32_t number, std::span<std::byte> into) {
                                   const auto from = blocks.begin() +
                                                     static_cast<std::ptrdiff_t>(number * kBlock);
                                   std::copy_n(from, kBlock, into.begin());
                               }},
                              changes,
                              NameHasher{});
    }
    void apply(const DirectoryBlocks& edited) {
        for (const auto& [number, content] : edited) {
            REQUIRE(number * kBlock <= blocks.size());
            blocks.resize(std::max(blocks.size(), (number + 1) * kBlock));
            std::copy(content.begin(),
                      content.end(),
                      blocks.begin() + static_cast<std::ptrdiff_t>(number * kBlock));
        }
    }
    void check() const {
        const auto content = ext4::tree::read_directory(blocks, kSeed);
        CHECK(content.parent == kIdentity.parent);
        CHECK(content.entries.size() == names.size());
        const IndexedLookup lookup(blocks);
        std::size_t right = 0;
        for (const auto& [name, inode] : names) {
            const auto found = content.entries.find(name);
            right += found && found->inode.value() == inode && lookup.finds(name) ? 1U : 0U;
        }
        CHECK(right == names.size());
    }
    /// A byte of block 0, with its checksum made right again.
    template <class T>
    void spoil_root(std::size_t at, T value) {
        store_le<T>(blocks, at, value);
        ext4::tree::seal_index_block(
            std::span(blocks).first(kBlock), ext4::tree::kRootCount, kSeed);
    }
};

std::set<std::string> pick(Random& random, const std::vector<std::string>& pool, std::size_t n) {
    std::set<std::string> some;
    for (std::size_t i = 0; i < n; ++i)
        some.insert(pool[random.below(pool.size())]);
    return some;
}

std::size_t continued_leaves(const std::vector<std::byte>& blocks) {
    std::size_t count = 0;
    for (std::size_t i = 1; i < load_le<std::uint16_t>(blocks, 34); ++i)
        count += load_le<std::uint32_t>(blocks, 32 + i * 8) & 1U;
    return count;
}

/// Rounds of random changes. \return how many of them made it necessary to write all
std::size_t change_at_random(Rig& rig, const std::vector<std::string>& pool, int rounds) {
    Random random(test_seed());
    std::size_t whole = 0;
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        const auto some = pick(random, pool, 1 + random.below(12));
        const auto edited = rig.toggle(some);
        if (edited) {
            CHECK(edited->size() <= 2 * some.size() + 2);
            rig.apply(*edited);
        } else {
            ++whole;
            rig.pack();
        }
        rig.check();
    }
    return whole;
}

} // namespace

TEST_SUITE("ext4.directory_edit") {
    TEST_CASE("one name more or less writes one block") {
        Rig rig;
        rig.put(numbered_names(5000));
        for (const char* name : {"a new name", "file number 77", "a new name", "file number 77"}) {
            CAPTURE(name);
            const auto edited = rig.toggle({name});
            REQUIRE(edited);
            CHECK(edited->size() == 1);
            rig.apply(*edited);
            rig.check();
        }
    }

    TEST_CASE("a name that leads elsewhere keeps its place") {
        Rig rig;
        rig.put(numbered_names(5000));
        rig.names["file number 9"] = 77;
        const NameChange change{"file number 9", true, DirectoryEntries::Found{InodeNumber(77), 2}};
        const auto edited = rig.edit({&change, 1});
        REQUIRE(edited);
        CHECK(edited->size() == 1);
        rig.apply(*edited);
        rig.check();
    }

    TEST_CASE("a leaf that is full is split in two") {
        Rig rig;
        rig.put(numbered_names(5000));
        const std::size_t before = rig.blocks.size();
        for (int i = 0; rig.blocks.size() == before; ++i) {
            REQUIRE(i < 5000);
            const auto edited = rig.toggle({fmt::format("more {}", i)});
            REQUIRE(edited);
            CHECK((edited->size() == 1 || edited->size() == 3)); // leaf, new leaf, root
            rig.apply(*edited);
        }
        CHECK(rig.blocks.size() == before + kBlock);
        rig.check();
    }

    TEST_CASE("an index that overflows is for writing all") {
        Rig rig;
        rig.put(numbered_names(6000, 240));
        CHECK(load_le<std::uint8_t>(rig.blocks, 30) == 0);
        std::set<std::string> some;
        for (int i = 0; i < 6000; ++i)
            some.insert(fmt::format("{:0>250}", i));
        CHECK_FALSE(rig.toggle(some));
    }

    TEST_CASE("leaves that lose every name stay and are filled again") {
        Rig rig;
        const auto names = numbered_names(1000);
        rig.put(names);
        for (int i = 0; i < 2; ++i) {
            const auto edited = rig.toggle({names.begin(), names.end()});
            REQUIRE(edited);
            rig.apply(*edited);
            rig.check();
        }
        CHECK(rig.names.size() == 1000);
    }

    TEST_CASE("any changes leave what the names say") {
        Rig rig;
        const auto pool = numbered_names(2500);
        rig.put({pool.begin(), pool.begin() + 1200});
        const std::size_t before = rig.blocks.size();
        CHECK(change_at_random(rig, pool, long_run() ? 5000 : 100) == 0);
        CHECK(rig.blocks.size() >= before);
    }

    TEST_CASE("any changes below an index of two levels leave what the names say") {
        Rig rig;
        const auto pool = numbered_names(12000, 240);
        rig.put({pool.begin(), pool.begin() + 8000});
        CHECK(load_le<std::uint8_t>(rig.blocks, 30) == 1);
        CHECK(change_at_random(rig, pool, long_run() ? 1000 : 10) == 0);
    }

    TEST_CASE("names of one hash are found on both sides of a leaf's end") {
        Rig rig;
        const auto& pool = colliding_names();
        REQUIRE(pool.size() > 200);
        rig.put(pool);
        CHECK(continued_leaves(rig.blocks) > 0);
        CHECK(change_at_random(rig, pool, long_run() ? 10000 : 60) == 0);
    }

    TEST_CASE("the order of changes to different leaves makes no difference") {
        Rig rig;
        rig.put(numbered_names(5000));
        std::vector<NameChange> changes = {
            {"file number 1", true, {}},
            {"new", false, DirectoryEntries::Found{InodeNumber(7), 1}},
            {"file number 3000", true, {}}};
        const auto first = rig.edit(changes);
        std::ranges::reverse(changes);
        const auto second = rig.edit(changes);
        REQUIRE(first);
        CHECK((first == second));
    }

    TEST_CASE("an index that is damaged or foreign is for writing all") {
        Rig rig;
        rig.put(numbered_names(5000));
        const auto first_leaf = load_le<std::uint32_t>(rig.blocks, 36);
        const auto second_leaf = load_le<std::uint32_t>(rig.blocks, 44);
        SUBCASE("another hash") {
            rig.spoil_root<std::uint8_t>(28, 2);
        }
        SUBCASE("a wrong checksum") {
            rig.blocks[40] ^= std::byte{2}; // a hash
        }
        SUBCASE("three levels") {
            rig.spoil_root<std::uint8_t>(30, 2);
        }
        SUBCASE("a limit that is not the usual one") {
            rig.spoil_root<std::uint16_t>(32, 500);
        }
        SUBCASE("no children") {
            rig.spoil_root<std::uint16_t>(34, 0);
        }
        SUBCASE("one leaf twice") {
            rig.spoil_root<std::uint32_t>(44, first_leaf);
        }
        SUBCASE("a leaf behind the end") {
            rig.spoil_root<std::uint32_t>(44, 100'000);
        }
        SUBCASE("the root as a leaf") {
            rig.spoil_root<std::uint32_t>(44, 0);
        }
        SUBCASE("a leaf that nothing leads to") {
            rig.spoil_root<std::uint16_t>(34, load_le<std::uint16_t>(rig.blocks, 34) - 1);
        }
        SUBCASE("hashes that do not ascend") {
            rig.spoil_root<std::uint32_t>(40, 0xFFFF'FFF0);
        }
        SUBCASE("leaves in each other's place") {
            rig.spoil_root<std::uint32_t>(36, second_leaf);
            rig.spoil_root<std::uint32_t>(44, first_leaf);
            const auto names = numbered_names(5000);
            CHECK_FALSE(rig.toggle({names.begin(), names.end()}));
        }
        SUBCASE("a name that should not be there") {
            const NameChange change{"file number 1", false, {}};
            CHECK_FALSE(rig.edit({&change, 1}));
            return;
        }
        CHECK_FALSE(rig.toggle({"file number 1", "file number 2", "new"}));
    }
}

} // namespace thinsnap::test
