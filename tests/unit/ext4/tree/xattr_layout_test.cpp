#include "ext4/tree/xattr_layout.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "ext4/acl.hpp"

#include "support/content.hpp"

namespace thinsnap::test {

using ext4::acl_to_disk;
using ext4::InodeNumber;
using ext4::Xattr;
using ext4::tree::DiskXattr;
using ext4::tree::FsBlock;
using ext4::tree::pack_inode_xattrs;
using ext4::tree::pack_xattr_block;
using ext4::tree::place_xattrs;
using ext4::tree::to_disk_xattrs;
using ext4::tree::value_inodes_in_block;
using ext4::tree::value_inodes_in_inode;
using ext4::tree::XattrPlaces;

namespace {

constexpr std::size_t kRoom = 96; // of a 256-byte inode

std::optional<Errc> refusal(const std::vector<Xattr>& xattrs) {
    return failure_of([&] { (void)to_disk_xattrs(xattrs); });
}

XattrPlaces places_of(const std::vector<Xattr>& xattrs) {
    return place_xattrs(to_disk_xattrs(xattrs), kRoom);
}

} // namespace

TEST_SUITE("ext4.xattr_layout") {
    TEST_CASE("a capability stands in the inode") {
        const auto places = places_of({{"security.capability", std::string(20, 'c')}});
        CHECK(places.in_inode.size() == 1);
        CHECK(places.in_block.empty());
        CHECK(places.large.empty());
    }

    TEST_CASE("what the inode has no room for goes to a block") {
        const auto places = places_of({{"security.capability", std::string(20, 'c')},
                                       {"user.long", std::string(500, 'v')},
                                       {"user.s", "x"}});
        CHECK(places.in_inode.size() == 2);
        CHECK(places.in_block.size() == 1);
        CHECK(places.large.empty());
    }

    TEST_CASE("what a block has no room for goes to an inode of its own and the largest first") {
        const auto places = places_of({{"user.a", std::string(3000, 'a')},
                                       {"user.b", std::string(900, 'b')},
                                       {"user.c", std::string(65536, 'c')}});
        CHECK(places.in_block.size() == 3);
        CHECK(places.large == std::vector<std::size_t>{2});
    }

    TEST_CASE("a block is filled to its last byte") {
        // 32 bytes of header, 4 of the end, 16 + 4 of the entry.
        CHECK(places_of({{"user.name", std::string(4096 - 56, 'v')}}).large.empty());
        CHECK(places_of({{"user.name", std::string(4096 - 55, 'v')}}).large.size() == 1);
    }

    TEST_CASE("more names than a block holds are refused") {
        std::vector<Xattr> xattrs;
        for (int i = 0; i < 20; ++i)
            xattrs.push_back({fmt::format("user.{:0>240}", i), ""});
        CHECK(failure_of([&] { (void)places_of(xattrs); }) == Errc::unsupported);
    }

    TEST_CASE("names that ext4 has no place for are refused") {
        CHECK(refusal({{"com.apple.quarantine", "x"}}) == Errc::unsupported);
        CHECK(refusal({{"system.nfs4_acl", "x"}}) == Errc::unsupported);
        CHECK(refusal({{"user.", "x"}}) == Errc::invalid_argument);
        CHECK(refusal({{"user." + std::string(251, 'n'), "x"}}) == Errc::invalid_argument);
        CHECK_FALSE(refusal({{"user." + std::string(250, 'n'), "x"}}));
        CHECK(refusal({{"user.a", "1"}, {"user.a", "2"}}) == Errc::invalid_argument);
        CHECK(refusal({{"user.a", std::string(65537, 'v')}}) == Errc::unsupported);
    }

    TEST_CASE("an ACL loses the ids that mean nothing") {
        using namespace std::literals;
        // Owner rwx, user 1000 r-x, group r-x, mask rwx, other none: version 2, ids of all.
        const std::string value = "\x02\x00\x00\x00"
                                  "\x01\x00\x07\x00\xff\xff\xff\xff"
                                  "\x02\x00\x05\x00\xe8\x03\x00\x00"
                                  "\x04\x00\x05\x00\xff\xff\xff\xff"
                                  "\x10\x00\x07\x00\xff\xff\xff\xff"
                                  "\x20\x00\x00\x00\xff\xff\xff\xff"s;
        CHECK(acl_to_disk(value) == "\x01\x00\x00\x00"
                                    "\x01\x00\x07\x00"
                                    "\x02\x00\x05\x00\xe8\x03\x00\x00"
                                    "\x04\x00\x05\x00"
                                    "\x10\x00\x07\x00"
                                    "\x20\x00\x00\x00"s);
        for (const std::string& bad : {""s, "\x02\x00"s, value + "x", "\x01" + value.substr(1)})
            CHECK(failure_of([&] { (void)acl_to_disk(bad); }) == Errc::invalid_argument);
    }

    TEST_CASE("the inodes with values are found again") {
        auto disk = to_disk_xattrs(std::vector<Xattr>{{"user.a", std::string(5000, 'a')},
                                                      {"user.b", "b"},
                                                      {"user.c", std::string(6000, 'c')}});
        disk[0].value_inode = InodeNumber(77);
        disk[2].value_inode = InodeNumber(88);
        const std::vector<std::size_t> all = {0, 1, 2};
        const auto block = pack_xattr_block(disk, all, FsBlock(5), 1);
        CHECK(value_inodes_in_block(block) ==
              std::vector<InodeNumber>{InodeNumber(77), InodeNumber(88)});
        std::vector<std::byte> space(kRoom);
        pack_inode_xattrs(space, disk, all);
        CHECK(value_inodes_in_inode(space).size() == 2);
        pack_inode_xattrs(space, {}, {});
        CHECK(value_inodes_in_inode(space).empty());
        CHECK(space == std::vector<std::byte>(kRoom));
    }
}

} // namespace thinsnap::test
