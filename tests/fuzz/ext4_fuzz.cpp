// A small file system with right checksums and wrong content, with or without a journal to replay.
// Whatever it says, opening and reading everything ends, with content or an Error.

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "ext4/checksums.hpp"
#include "ext4/file_content.hpp"
#include "ext4/file_system.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/format.hpp"
#include "ext4/superblock_check.hpp"

#include "support/sparse_device.hpp"

#include "fuzz/changes.hpp"
#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::InodeNumber;
using ext4::kBlockSize;

constexpr std::uint64_t kSize = ext4::kMinSize;
constexpr std::uint64_t kFirst = 4000; ///< blocks from here on are free
constexpr std::uint32_t kFiles = 6;

/// What a file's blocks are sealed as.
enum class Seal { directory, extents, xattrs, none };

ext2_inode_large make_inode(std::uint16_t mode, std::uint64_t block) {
    ext2_inode_large inode{};
    inode.i_mode = mode;
    inode.i_links_count = 1;
    inode.i_extra_isize = 32;
    inode.i_size = kBlockSize;
    ext4::set_single_extent(inode, static_cast<std::uint32_t>(block), 1);
    return inode;
}

void put_entry(std::span<std::byte> block,
               std::size_t at,
               std::size_t length,
               std::uint32_t inode,
               std::string_view name) {
    store_le<std::uint32_t>(block, at, inode);
    store_le<std::uint16_t>(block, at + 4, static_cast<std::uint16_t>(length));
    block[at + 6] = static_cast<std::byte>(name.size());
    block[at + 7] = std::byte{1};
    std::memcpy(block.subspan(at + 8).data(), name.data(), name.size());
}

/// Block kFirst + i, as inode 11 + i has it: directory, extent node, xattrs, file, symlink,
/// pointers.
constexpr std::array<Seal, kFiles> kSeals = {
    Seal::directory, Seal::extents, Seal::xattrs, Seal::none, Seal::none, Seal::none};

InodeNumber inode_of(std::uint32_t index) {
    return InodeNumber(ext4::kFirstFileInode.value() + index);
}

void seal(ext4::FileSystemHandle& handle, std::uint32_t index) {
    const std::uint64_t where = kFirst + index;
    const auto block = handle.io().edit(where);
    const std::uint32_t seed = handle.native()->csum_seed;
    const std::uint32_t of_inode = ext4::inode_seed(seed, inode_of(index), 0);
    if (kSeals.at(index) == Seal::directory) {
        store_le<std::uint32_t>(block, 4092, ext4::directory_block_checksum(of_inode, block));
    } else if (kSeals.at(index) == Seal::extents) {
        const std::size_t max = std::min<std::size_t>(load_le<std::uint16_t>(block, 4), 340);
        store_le<std::uint32_t>(
            block, 12 + 12 * max, ext4::extent_block_checksum(of_inode, block, max));
    } else if (kSeals.at(index) == Seal::xattrs) {
        store_le<std::uint32_t>(block, 16, ext4::xattr_block_checksum(seed, block, where));
    }
}

void make_content(ext4::FileSystemHandle& handle) {
    auto directory = handle.io().edit(kFirst);
    put_entry(directory, 0, 12, inode_of(0).value(), ".");
    put_entry(directory, 12, 12, 2, "..");
    std::size_t at = 24;
    for (std::uint32_t i = 1; i < kFiles; ++i, at += 12)
        put_entry(directory, at, i + 1 < kFiles ? 12 : 4084 - at, inode_of(i).value(), "f");
    store_le<std::uint16_t>(directory, 4088, 12);
    store_le<std::uint16_t>(directory, 4090, 0xDE00);
    auto node = handle.io().edit(kFirst + 1);
    for (const auto& [offset, value] :
         {std::pair{0U, 0xF30AU}, {2U, 2U}, {4U, 340U}, {16U, 1U}, {20U, kFirst + 3}})
        store_le<std::uint16_t>(node, offset, static_cast<std::uint16_t>(value));
    store_le<std::uint16_t>(node, 24, 5);
    store_le<std::uint16_t>(node, 28, 0x8001);
    store_le<std::uint16_t>(node, 32, kFirst + 4);
    auto xattrs = handle.io().edit(kFirst + 2);
    store_le<std::uint32_t>(xattrs, 0, EXT2_EXT_ATTR_MAGIC);
    store_le<std::uint32_t>(xattrs, 4, 1);
    store_le<std::uint32_t>(xattrs, 8, 1);
    store_le<std::uint32_t>(xattrs, 32, 0x0F00'0101); // "user.", one letter, at 3840
    store_le<std::uint32_t>(xattrs, 40, 5);
    xattrs[48] = std::byte{'x'};
}

SparseBytes build() {
    SparseDevice device(kSize);
    ext4::FormatOptions options{.size = kSize};
    options.uuid.fill(std::byte{1});
    options.hash_seed.fill(std::byte{2});
    ext4::format(device, options);
    FileSystem fs(device, FileSystemAccess::read_write);
    ext4::FileSystemHandle& handle = fs.handle();
    constexpr std::array<std::uint16_t, kFiles> modes = {
        LINUX_S_IFDIR, LINUX_S_IFREG, LINUX_S_IFREG, LINUX_S_IFREG, LINUX_S_IFLNK, LINUX_S_IFREG};
    make_content(handle);
    for (std::uint32_t i = 0; i < kFiles; ++i) {
        ext4::InodeRecord record;
        ext2_inode_large inode = make_inode(modes.at(i), kFirst + i);
        if (i == 1) { // a tree of depth 1
            inode.i_block[0] = 0x1F30A;
            inode.i_block[1] = 0x1'0004;
            inode.i_block[4] = kFirst + 1;
            inode.i_block[5] = 0;
            inode.i_size = 7 * kBlockSize;
        } else if (i == 2) {
            inode.i_file_acl = kFirst + 2;
        } else if (i == 5) {
            inode.i_flags = 0;
            std::memset(inode.i_block, 0, sizeof inode.i_block);
            inode.i_block[EXT2_IND_BLOCK] = kFirst + 5;
        }
        record.set_fields(inode);
        handle.write_inode(inode_of(i), record);
        seal(handle, i);
    }
    handle.io().write_back();
    return device.content();
}

/// Block 0 to 5: those of the files; 6 to 11: their inodes; 12: the superblock; 13 to 20: the
/// journal's first blocks; others: the descriptors.
void apply(ext4::FileSystemHandle& handle, const Change& change) {
    const std::uint32_t which = change.block % 24;
    if (which < kFiles) {
        change.apply(handle.io().edit(kFirst + which).first<kBlockSize>());
        seal(handle, which);
    } else if (which < 2 * kFiles) {
        std::array<std::byte, kBlockSize> space{};
        ext4::InodeRecord record = handle.read_inode(inode_of(which - kFiles));
        std::ranges::copy(record.bytes, space.begin());
        Change small = change;
        small.offset = static_cast<std::uint16_t>(change.offset % 248);
        small.apply(space);
        std::ranges::copy(std::span(space).first(record.bytes.size()), record.bytes.begin());
        handle.write_inode(inode_of(which - kFiles), record);
    } else if (which == 2 * kFiles) {
        const auto block = handle.io().edit(0).first<kBlockSize>();
        Change small = change;
        small.offset = static_cast<std::uint16_t>(1024 + change.offset % 1012);
        small.apply(block);
        ext4::seal_superblock(block.subspan(1024, 1024));
    } else if (which <= 2 * kFiles + 8) {
        const std::uint64_t where = ext4::journal_place().first + (which - (2 * kFiles + 1));
        change.apply(handle.io().edit(where).first<kBlockSize>());
    } else {
        change.apply(handle.io().edit(1).first<kBlockSize>());
    }
}

void read_everything(const FileSystem& fs) {
    std::vector<std::byte> buffer(64U << 10U);
    fs.for_each_inode_in(0, kSize, [&](const ext4::InodeInfo& info) {
        try {
            (void)fs.xattrs(info.number);
            fs.for_each_extent(info.number, [](const ext4::FileExtent&) {});
            if (info.type == ext4::FileType::regular)
                (void)fs.read(info.number, 0, buffer);
            if (info.type == ext4::FileType::symlink)
                (void)fs.link_target(info.number);
            if (info.type == ext4::FileType::directory)
                fs.for_each_entry(info.number, [](const ext4::Entry& entry) {
                    if (entry.name.find('/') != std::string::npos || entry.name.empty())
                        throw std::logic_error("a hostile name got through");
                });
        } catch (const Error&) { // the next one may be whole
        }
    });
    fs.for_each_in_tree(inode_of(0), [](const ext4::TreeEntry&) {});
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    static SparseBytes sound = build();
    SparseDevice device(sound);
    {
        FileSystem fs(device, FileSystemAccess::read_write);
        try {
            for_each_change(input, [&](const Change& change) { apply(fs.handle(), change); });
        } catch (const Error&) { // an inode that an earlier change moved away
        }
        fs.handle().io().write_back();
    }
    try {
        read_everything(FileSystem(device, FileSystemAccess::read_only));
    } catch (const Error&) { // said so
    }
    try {
        FileSystem fs(device, FileSystemAccess::read_write);
        device.resize(2 * ext4::kGroupSize);
        fs.grow(2 * ext4::kGroupSize);
        fs.flush();
        read_everything(fs);
    } catch (const Error&) { // said so
    }
    return 0;
}

} // namespace thinsnap::test
