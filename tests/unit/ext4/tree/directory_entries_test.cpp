#include "ext4/tree/directory_entries.hpp"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "support/random.hpp"

namespace thinsnap::test {

using ext4::InodeNumber;
using ext4::tree::DirectoryEntries;

namespace {

std::vector<std::string> names_of(const DirectoryEntries& entries) {
    std::vector<std::string> names;
    entries.for_each(
        [&](std::string_view name, const DirectoryEntries::Found&) { names.emplace_back(name); });
    return names;
}

} // namespace

TEST_SUITE("ext4.directory_entries") {
    TEST_CASE("names come in the order in which they were put in") {
        DirectoryEntries entries;
        for (const char* name : {"z", "a", "m", "b"})
            CHECK(entries.insert(name, {InodeNumber(12), 1}));
        CHECK_FALSE(entries.insert("m", {InodeNumber(13), 1}));
        CHECK(entries.erase("a"));
        CHECK_FALSE(entries.erase("a"));
        CHECK(entries.insert("a", {InodeNumber(14), 2}));
        CHECK(names_of(entries) == std::vector<std::string>{"z", "m", "b", "a"});
        CHECK(entries.find("a")->inode == InodeNumber(14));
        CHECK(entries.find("m")->inode == InodeNumber(12));
        CHECK_FALSE(entries.find("x").has_value());
    }

    TEST_CASE("an empty directory finds nothing") {
        DirectoryEntries entries;
        CHECK_FALSE(entries.find("x").has_value());
        CHECK_FALSE(entries.erase("x"));
        CHECK(entries.size() == 0);
    }

    TEST_CASE("many changes leave what a map would have") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        DirectoryEntries entries;
        std::map<std::string, std::uint32_t> model;
        for (std::uint32_t round = 1; round < 40000; ++round) {
            const std::string name = fmt::format("name-{}", random.below(3000));
            if (random.one_in(2)) {
                CHECK(entries.insert(name, {InodeNumber(round), 1}) ==
                      model.emplace(name, round).second);
            } else {
                CHECK(entries.erase(name) == (model.erase(name) == 1));
            }
            REQUIRE(entries.size() == model.size());
        }
        for (const auto& [name, inode] : model)
            CHECK(entries.find(name)->inode == InodeNumber(inode));
        CHECK(names_of(entries).size() == model.size());
    }
}

} // namespace thinsnap::test
