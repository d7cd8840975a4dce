// File systems with right checksums and wrong content: an Error, never a crash or a hang.

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "ext4/checksums.hpp"
#include "ext4/file_content.hpp"
#include "ext4/file_system.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/format.hpp"
#include "ext4/superblock_check.hpp"

#include "support/content.hpp"
#include "support/ext4_image.hpp"
#include "support/skip.hpp"
#include "support/sparse_device.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::InodeNumber;
using ext4::kBlockSize;

constexpr std::uint64_t kSize = 1ULL << 30U;
constexpr InodeNumber kFile{11};
constexpr InodeNumber kDirectory{12};
constexpr std::uint64_t kFreeBlock = 5000; ///< in the middle of what nothing uses

/// A file system that a test spoils.
class Victim {
public:
    Victim()
        : device_(kSize) {
        ext4::format(device_, options_for(kSize));
        open();
    }

    /// A regular file and a directory, both in the root, the directory with `entries`.
    void edit_inode(InodeNumber number, const std::function<void(ext2_inode_large&)>& edit) {
        ext4::InodeRecord record = handle().read_inode(number);
        ext2_inode_large inode = record.fields();
        edit(inode);
        record.set_fields(inode);
        handle().write_inode(number, record);
    }
    void make_inode(InodeNumber number, std::uint16_t mode) {
        edit_inode(number, [&](ext2_inode_large& inode) {
            inode.i_mode = mode;
            inode.i_links_count = 2;
            inode.i_extra_isize = 32;
            inode.i_size = kBlockSize;
            ext4::set_single_extent(
                inode, static_cast<std::uint32_t>(kFreeBlock) + number.value() * 16U, 1);
        });
    }
    /// Spoils a directory's only block and makes its checksum right again.
    void edit_block(InodeNumber number, const std::function<void(std::span<std::byte>)>& edit) {
        std::uint64_t where = 0;
        const ext4::InodeRecord record = handle().read_inode(number);
        ext4::for_each_extent_of(handle(), number, record, 0, [&](const ext4::Extent& extent) {
            where = extent.physical;
            return false;
        });
        const auto block = handle().io().edit(where);
        edit(block);
        const std::uint32_t seed = ext4::inode_seed(handle().native()->csum_seed, number, 0);
        store_le<std::uint16_t>(block, 4088, 12);
        store_le<std::uint16_t>(block, 4090, 0xDE00);
        store_le<std::uint32_t>(block, 4092, ext4::directory_block_checksum(seed, block));
    }
    void make_directory(InodeNumber number) {
        make_inode(number, LINUX_S_IFDIR | 0755);
        edit_block(number, [&](std::span<std::byte> block) {
            put_entry(block, 0, 12, number.value(), ".");
            put_entry(block, 12, 4084 - 12, 2, "..");
        });
    }
    void add_to_root(InodeNumber number, std::string_view name) {
        edit_block(ext4::kRootInode, [&](std::span<std::byte> block) {
            store_le<std::uint16_t>(block, 12 + 4, 12);
            put_entry(block, 24, 4084 - 24, number.value(), name);
        });
    }
    static void put_entry(std::span<std::byte> block,
                          std::size_t at,
                          std::uint16_t length,
                          std::uint32_t inode,
                          std::string_view name,
                          std::uint8_t type = EXT2_FT_DIR) {
        store_le<std::uint32_t>(block, at, inode);
        store_le<std::uint16_t>(block, at + 4, length);
        block[at + 6] = static_cast<std::byte>(name.size());
        block[at + 7] = static_cast<std::byte>(type);
        std::memcpy(block.subspan(at + 8).data(), name.data(), name.size());
    }
    void edit_super(const std::function<void(ext2_super_block&)>& edit) {
        const auto bytes =
            handle().io().edit(0).subspan(ext4::kSuperblockOffset, ext4::kSuperblockSize);
        ext2_super_block super{};
        std::memcpy(&super, bytes.data(), sizeof super);
        edit(super);
        std::memcpy(bytes.data(), &super, sizeof super);
        ext4::seal_superblock(bytes);
    }

    [[nodiscard]] ext4::FileSystemHandle& handle() { return fs_->handle(); }
    /// As the next one opens it.
    [[nodiscard]] FileSystem& reopened() {
        fs_->handle().io().write_back();
        open();
        return *fs_;
    }
    void write_back() { fs_->handle().io().write_back(); }
    [[nodiscard]] SparseDevice& device() { return device_; }

private:
    void open() { fs_ = std::make_unique<FileSystem>(device_, FileSystemAccess::read_write); }

    SparseDevice device_;
    std::unique_ptr<FileSystem> fs_;
};

void read_everything(FileSystem& fs) {
    std::vector<std::byte> buffer(1U << 16U);
    fs.for_each_in_tree(fs.root(), [&](const ext4::TreeEntry& entry) {
        (void)fs.xattrs(entry.inode.number);
        if (entry.inode.type == ext4::FileType::symlink)
            (void)fs.link_target(entry.inode.number);
        if (entry.inode.type == ext4::FileType::regular)
            (void)fs.read(entry.inode.number, 0, buffer);
        fs.for_each_extent(entry.inode.number, [](const ext4::FileExtent&) {});
    });
}

/// The text of the Error(corrupt) that reading everything ends with.
std::string damage_of(Victim& victim) {
    std::string text;
    try {
        read_everything(victim.reopened());
    } catch (const Error& error) {
        CHECK(error.kind() == Errc::corrupt);
        text = error.what();
    }
    return text;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_SUITE_BEGIN("ext4.hostile");

TEST_CASE("a superblock that cannot be is refused with the reason") {
    struct Edit {
        std::function<void(ext2_super_block&)> edit;
        Errc kind;
        const char* text;
    };
    const std::vector<Edit> edits = {
        {[](auto& super) { super.s_magic = 1; }, Errc::corrupt, "magic"},
        {[](auto& super) { super.s_blocks_count += 1; }, Errc::corrupt, "the device has"},
        {[](auto& super) { super.s_inodes_count += 1; }, Errc::corrupt, "inodes is"},
        {[](auto& super) { super.s_blocks_count = 0; }, Errc::corrupt, "blocks is 0"},
        {[](auto& super) { super.s_log_block_size = 0; }, Errc::unsupported, "block size"},
        {[](auto& super) { super.s_log_block_size = 60; }, Errc::unsupported, "block size"},
        {[](auto& super) { super.s_inodes_per_group = 0; }, Errc::unsupported, "inodes per"},
        {[](auto& super) { super.s_inode_size = 0xFFFF; }, Errc::unsupported, "inode size"},
        {[](auto& super) { super.s_feature_incompat |= EXT4_FEATURE_INCOMPAT_64BIT; },
         Errc::unsupported,
         "incompatible features 0x80"},
        {[](auto& super) { super.s_feature_incompat |= EXT4_FEATURE_INCOMPAT_INLINE_DATA; },
         Errc::unsupported,
         "0x8000"},
        {[](auto& super) { super.s_feature_ro_compat |= EXT4_FEATURE_RO_COMPAT_VERITY; },
         Errc::unsupported,
         "for writing"},
        {[](auto& super) { super.s_state |= EXT2_ERROR_FS; }, Errc::unsupported, "e2fsck"},
        {[](auto& super) { super.s_reserved_gdt_blocks = 2000; }, Errc::unsupported, "descriptor"},
    };
    for (const Edit& edit : edits) {
        CAPTURE(std::string(edit.text));
        Victim victim;
        victim.edit_super(edit.edit);
        victim.write_back();
        const auto open = [&] {
            const FileSystem fs(victim.device(), FileSystemAccess::read_write);
        };
        CHECK(failure_of(open) == edit.kind);
        CHECK(contains(message_of(open), edit.text));
    }
}

TEST_CASE("what is no superblock at all is refused") {
    SparseDevice device(kSize);
    const auto open = [&] { const FileSystem fs(device, FileSystemAccess::read_only); };
    CHECK(failure_of(open) == Errc::corrupt);
    device.resize(4096);
    CHECK(failure_of(open) == Errc::corrupt);
}

TEST_CASE("a wrong bit in any checksummed structure is noticed") {
    Victim victim;
    victim.make_directory(kDirectory);
    victim.add_to_root(kDirectory, "d");
    victim.write_back();
    const std::uint64_t table = ext4::place_of_group(0).inode_table;
    for (const std::uint64_t byte : {std::uint64_t{1024 + 12},            // superblock
                                     std::uint64_t{4096 + 3},             // descriptors
                                     table * kBlockSize + 256 + 40,       // root's inode
                                     table * kBlockSize + 11UL * 256 + 3, // the directory's
                                     (kFreeBlock + 12UL * 16) * kBlockSize + 8}) {
        CAPTURE(byte);
        SparseDevice copy(victim.device().content());
        std::vector<std::byte> block(kBlockSize);
        copy.read(byte / kBlockSize * kBlockSize, block);
        block[byte % kBlockSize] ^= std::byte{1};
        copy.write(byte / kBlockSize * kBlockSize, block);
        const auto use = [&] {
            FileSystem fs(copy, FileSystemAccess::read_only);
            read_everything(fs);
        };
        CHECK(failure_of(use) == Errc::corrupt);
    }
}

TEST_CASE("a directory that contains itself is named") {
    Victim victim;
    victim.make_directory(kDirectory);
    victim.add_to_root(kDirectory, "d");
    victim.edit_block(kDirectory, [](std::span<std::byte> block) {
        store_le<std::uint16_t>(block, 12 + 4, 12);
        SUBCASE("itself") {
            Victim::put_entry(block, 24, 4084 - 24, kDirectory.value(), "e");
        }
        SUBCASE("the root") {
            Victim::put_entry(block, 24, 4084 - 24, 2, "e");
        }
    });
    CHECK(contains(damage_of(victim), "two names"));
}

TEST_CASE("names that no file can have are refused") {
    for (const std::string_view name : {std::string_view("a/b"),
                                        std::string_view("/"),
                                        std::string_view(""),
                                        std::string_view("a\0b", 3),
                                        std::string_view("."),
                                        std::string_view("..")}) {
        CAPTURE(name);
        Victim victim;
        victim.make_directory(kDirectory);
        victim.add_to_root(kDirectory, name);
        CHECK(contains(damage_of(victim), "inode 2: directory block 0"));
    }
}

TEST_CASE("entries that lie about their length are refused") {
    struct Entry {
        std::size_t at;
        std::uint16_t length;
        std::uint8_t name;
    };
    for (const Entry entry : {Entry{12, 0, 2},
                              Entry{12, 8, 2},
                              Entry{12, 13, 2},
                              Entry{12, 4072 + 12, 2},
                              Entry{12, 12, 5},
                              Entry{12, 4068, 2},
                              Entry{0, 4084, 1}}) {
        CAPTURE(entry.length);
        Victim victim;
        victim.edit_block(ext4::kRootInode, [&](std::span<std::byte> block) {
            store_le<std::uint16_t>(block, entry.at + 4, entry.length);
            block[entry.at + 6] = static_cast<std::byte>(entry.name);
        });
        CHECK(contains(damage_of(victim), "inode 2: directory block 0"));
    }
}

TEST_CASE("an entry that names no file is refused") {
    for (const std::uint32_t inode : {11U, 0xFFFF'FFFFU, 70'000U}) {
        CAPTURE(inode);
        Victim victim;
        victim.add_to_root(InodeNumber(inode), "x");
        CHECK(damage_of(victim) != "");
    }
}

TEST_CASE("an inode that contradicts itself is refused") {
    struct Edit {
        std::uint16_t mode;
        std::function<void(ext2_inode_large&)> edit;
        const char* text;
    };
    const std::vector<Edit> edits = {
        {LINUX_S_IFREG, [](auto& inode) { inode.i_mode = 0170000; }, "mode"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_extra_isize = 200; }, "extra bytes"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_size_high = 0x10'0000; }, "a file of"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_mtime_extra = ~0U; }, "nanoseconds"},
        {LINUX_S_IFDIR, [](auto& inode) { inode.i_size = 100; }, "a directory of 100"},
        {LINUX_S_IFDIR, [](auto& inode) { inode.i_size = 8192; }, "of 2 blocks has 1"},
        {LINUX_S_IFDIR, [](auto& inode) { inode.i_size = 1U << 30U; }, "blocks has 1"},
        {LINUX_S_IFDIR, [](auto& inode) { inode.i_block[3] = 5; }, "an extent of 1 at 5"},
        {LINUX_S_IFLNK, [](auto& inode) { inode.i_size = 5000; }, "a symlink of 5000"},
        {LINUX_S_IFLNK, [](auto& inode) { inode.i_size = 0; }, "a symlink of 0"},
        {LINUX_S_IFLNK, [](auto& inode) { inode.i_size = 4000; }, "NUL"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_block[0] = 0; }, "no extent node"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_block[0] = 0x5F30A; }, "no extent node"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_block[1] = 0xFFFF'0004; }, "depth 65535"},
        {LINUX_S_IFREG,
         [](auto& inode) {
             inode.i_block[4] = 0x8000;
             inode.i_block[5] = 260'000;
         },
         "32768 blocks from"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_block[4] = 0; }, "0 blocks"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_block[5] = 0; }, "from block 0"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_block[5] = ~0U; }, "from block"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_file_acl = 1U << 30U; }, "xattrs in block"},
        {LINUX_S_IFREG, [](auto& inode) { inode.i_file_acl = kFreeBlock; }, "no xattr block"},
    };
    for (const Edit& edit : edits) {
        CAPTURE(std::string(edit.text));
        Victim victim;
        if (edit.mode == LINUX_S_IFDIR)
            victim.make_directory(kFile);
        else
            victim.make_inode(kFile, edit.mode);
        victim.add_to_root(kFile, "x");
        victim.edit_inode(kFile, edit.edit);
        const std::string text = damage_of(victim);
        CAPTURE(text);
        CHECK(contains(text, edit.text));
        CHECK(contains(text, "inode 11"));
    }
}

TEST_CASE("an extent tree that leads back to itself ends") {
    Victim victim;
    victim.make_inode(kFile, LINUX_S_IFREG);
    victim.add_to_root(kFile, "x");
    // Every node points to itself again and again, as deep as a tree may be.
    victim.edit_inode(kFile, [](ext2_inode_large& inode) {
        inode.i_block[0] = 0x1F30A;
        inode.i_block[1] = 0x5'0004;
        inode.i_block[3] = 0;
        inode.i_block[4] = kFreeBlock;
        inode.i_block[5] = 0;
    });
    const auto node = victim.handle().io().edit(kFreeBlock);
    {
        constexpr std::uint16_t depth = 4;
        store_le<std::uint16_t>(node, 0, 0xF30A);
        store_le<std::uint16_t>(node, 2, 340);
        store_le<std::uint16_t>(node, 4, 340);
        store_le<std::uint16_t>(node, 6, depth);
        for (std::uint32_t i = 0; i < 340; ++i) {
            store_le<std::uint32_t>(node, 12 + i * 12, i);
            store_le<std::uint32_t>(node, 12 + i * 12 + 4, kFreeBlock);
            store_le<std::uint32_t>(node, 12 + i * 12 + 8, 0);
        }
        const std::uint32_t seed = ext4::inode_seed(victim.handle().native()->csum_seed, kFile, 0);
        store_le<std::uint32_t>(node, 4092, ext4::extent_block_checksum(seed, node, 340));
        CHECK(contains(damage_of(victim), "extent node"));
    }
}

TEST_CASE("pointers that lead back to themselves end") {
    Victim victim;
    victim.make_inode(kFile, LINUX_S_IFREG);
    victim.add_to_root(kFile, "x");
    victim.edit_inode(kFile, [](ext2_inode_large& inode) {
        inode.i_flags = 0;
        std::memset(inode.i_block, 0, sizeof inode.i_block);
        inode.i_block[EXT2_TIND_BLOCK] = kFreeBlock;
        inode.i_size_high = 0x100;
    });
    const auto pointers = victim.handle().io().edit(kFreeBlock);
    for (std::size_t i = 0; i < 1024; ++i)
        store_le<std::uint32_t>(pointers, i * 4, kFreeBlock);
    CHECK(contains(damage_of(victim), "met twice"));
}

TEST_CASE("what layout version 1 does not have is unsupported in a file too") {
    for (const std::uint32_t flag : {0x1000'0000U, 0x800U}) {
        Victim victim;
        victim.make_inode(kFile, LINUX_S_IFREG);
        victim.edit_inode(kFile, [&](ext2_inode_large& inode) { inode.i_flags |= flag; });
        const FileSystem& fs = victim.reopened();
        CHECK(failure_of([&] { (void)fs.inode(kFile); }) == Errc::unsupported);
    }
}

TEST_SUITE_END();

} // namespace thinsnap::test
