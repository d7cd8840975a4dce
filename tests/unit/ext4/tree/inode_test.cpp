#include "ext4/tree/inode.hpp"

#include <doctest/doctest.h>

namespace thinsnap::test {

using ext4::Attributes;
using ext4::FileType;
using ext4::Timestamp;
using ext4::tree::Inode;

namespace {

/// The modification time's two fields.
std::pair<std::uint32_t, std::uint32_t> packed(std::int64_t seconds, std::uint32_t nanoseconds) {
    const Inode inode(FileType::regular, {0644, 0, 0, {seconds, nanoseconds}});
    return {load_le<std::uint32_t>(inode.bytes(), 0x10),
            load_le<std::uint32_t>(inode.bytes(), 0x88)};
}

std::pair<std::uint32_t, std::uint32_t> device(std::uint32_t major, std::uint32_t minor) {
    Inode inode(FileType::character_device, {});
    inode.set_device({major, minor});
    return {load_le<std::uint32_t>(inode.root(), 0), load_le<std::uint32_t>(inode.root(), 4)};
}

} // namespace

TEST_SUITE("ext4.tree_inode") {
    TEST_CASE("times from 1901 to 2446 keep their nanoseconds") {
        // Linux Documentation/filesystems/ext4/inodes.rst, the table of extra bits.
        using Fields = std::pair<std::uint32_t, std::uint32_t>;
        CHECK(packed(-0x80000000LL, 5) == Fields{0x80000000U, 5U << 2U});
        CHECK(packed(-1, 999999999) == Fields{0xFFFFFFFFU, 999999999U << 2U});
        CHECK(packed(0, 0) == Fields{0, 0});
        CHECK(packed(0x7FFFFFFF, 1) == Fields{0x7FFFFFFFU, 1U << 2U});
        CHECK(packed(0x80000000LL, 0) == Fields{0x80000000U, 1});
        CHECK(packed(0x17FFFFFFFLL, 0) == Fields{0x7FFFFFFFU, 1});
        CHECK(packed(0x180000000LL, 0) == Fields{0x80000000U, 2});
        CHECK(packed(0x280000000LL, 0) == Fields{0x80000000U, 3});
        CHECK(packed(0x37FFFFFFFLL, 0) == Fields{0x7FFFFFFFU, 3});
    }

    TEST_CASE("times outside that become the nearest") {
        CHECK(packed(0x380000000LL, 7) == packed(0x37FFFFFFFLL, 999999999));
        CHECK(packed(INT64_MAX, 7) == packed(0x37FFFFFFFLL, 999999999));
        CHECK(packed(INT64_MIN, 7) == packed(-0x80000000LL, 0));
    }

    TEST_CASE("device numbers have the old form where they fit it") {
        using Fields = std::pair<std::uint32_t, std::uint32_t>;
        CHECK(device(8, 1) == Fields{0x0801, 0});
        CHECK(device(255, 255) == Fields{0xFFFF, 0});
        CHECK(device(8, 256) == Fields{0, 0x100800});
        CHECK(device(259, 3) == Fields{0, 0x10303});
        CHECK(device(4095, 0xFFFFF) == Fields{0, 0xFFFFFFFF});
    }

    TEST_CASE("ids of 32 bits and all bits of the mode are kept") {
        const Inode inode(FileType::directory, {07777, 0x12345678, 0x9ABCDEF0, {}});
        CHECK(inode.mode() == 047777);
        CHECK(inode.links() == 2);
        CHECK(load_le<std::uint16_t>(inode.bytes(), 0x02) == 0x5678);
        CHECK(load_le<std::uint16_t>(inode.bytes(), 0x78) == 0x1234);
        CHECK(load_le<std::uint16_t>(inode.bytes(), 0x18) == 0xDEF0);
        CHECK(load_le<std::uint16_t>(inode.bytes(), 0x7A) == 0x9ABC);
    }

    TEST_CASE("attributes of an inode leave everything else as it was") {
        Inode inode(FileType::regular, {0600, 1, 2, {5, 6}});
        inode.set_size(0x123456789AULL);
        inode.set_sectors(0x1234567898ULL);
        inode.xattr_space()[7] = std::byte{9};
        inode.set_attributes({04755, 3, 4, {7, 8}});
        CHECK(inode.size() == 0x123456789AULL);
        CHECK(inode.sectors() == 0x1234567898ULL);
        CHECK(inode.xattr_space()[7] == std::byte{9});
        CHECK(inode.mode() == 0104755);
        CHECK(inode.xattr_space().size() == 96);
    }
}

} // namespace thinsnap::test
