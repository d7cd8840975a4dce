#include "ext4/format.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "ext4/checksums.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/groups.hpp"
#include "ext4/journal_format.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint16_t kLogGroupsPerFlex = 4;
constexpr InodeNumber kJournalInode{EXT2_JOURNAL_INO};

void check(BlockDevice& device, const FormatOptions& options) {
    if (options.size > device.size())
        throw Error(Errc::invalid_argument,
                    fmt::format("a file system of {} bytes on a device of {}",
                                options.size,
                                device.size()));
    if (options.uuid == Uuid{} || options.hash_seed == Uuid{} || options.time == 0)
        throw Error(Errc::invalid_argument,
                    "a file system needs a UUID, a hash seed and a time, none of them zero");
}

ext2_super_block make_parameters(std::uint64_t bytes) {
    ext2_super_block super{};
    const std::uint64_t blocks = bytes / kBlockSize;
    const std::uint32_t groups = group_count(blocks);
    const std::uint32_t descriptors = (groups + kDescriptorsPerBlock - 1) / kDescriptorsPerBlock;
    super.s_rev_level = EXT2_DYNAMIC_REV;
    super.s_log_block_size = 2;
    super.s_log_cluster_size = 2;
    super.s_blocks_count = static_cast<std::uint32_t>(blocks);
    super.s_inodes_count = groups * kInodesPerGroup;
    super.s_blocks_per_group = kBlocksPerGroup;
    super.s_first_ino = kFirstFileInode.value();
    super.s_inode_size = kInodeSize;
    super.s_log_groups_per_flex = kLogGroupsPerFlex;
    super.s_reserved_gdt_blocks = static_cast<std::uint16_t>(descriptor_room(bytes) - descriptors);
    super.s_max_mnt_count = -1;
    super.s_errors = EXT2_ERRORS_CONTINUE;
    super.s_feature_compat = EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |
                             EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX;
    super.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                               EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE;
    super.s_feature_ro_compat =
        EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
        EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
        EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
    return super;
}

/// What ext2fs_initialize() took from the clock or from the machine, or knows nothing of.
void set_identity(FileSystemHandle& handle, const FormatOptions& options) {
    ext2_super_block& super = handle.super();
    std::memcpy(super.s_uuid, options.uuid.data(), sizeof super.s_uuid);
    std::memcpy(super.s_hash_seed, options.hash_seed.data(), sizeof super.s_hash_seed);
    super.s_def_hash_version = EXT2_HASH_HALF_MD4;
    super.s_flags = EXT2_FLAGS_UNSIGNED_HASH;
    super.s_mkfs_time = super.s_lastcheck = super.s_wtime = options.time;
    super.s_checksum_type = EXT2_CRC32C_CHKSUM;
    super.s_checkinterval = 0;
    super.s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
    super.s_creator_os = EXT2_OS_LINUX;
    handle.native()->now = options.time;
    ext2fs_init_csum_seed(handle.native());
}

ext2_inode_large make_inode(std::uint16_t mode, std::uint16_t links, std::uint32_t time) {
    ext2_inode_large inode{};
    inode.i_mode = mode;
    inode.i_links_count = links;
    inode.i_atime = inode.i_ctime = inode.i_mtime = inode.i_crtime = time;
    inode.i_extra_isize = sizeof inode - EXT2_GOOD_OLD_INODE_SIZE;
    return inode;
}

void take_inodes(FileSystemHandle& handle) {
    for (std::uint32_t number = 1; number < kFirstFileInode.value(); ++number)
        ext2fs_inode_alloc_stats2(
            handle.native(), number, +1, InodeNumber(number) == kRootInode ? 1 : 0);
}

/// "." and "..", and the checksum's tail.
void write_root(FileSystemHandle& handle, std::uint64_t block, std::uint32_t time) {
    take_blocks(handle, {block, 1});
    std::array<std::byte, kBlockSize> content{};
    const auto put_entry = [&](std::size_t at, std::size_t length, std::string_view name) {
        store_le<std::uint32_t>(content, at, kRootInode.value());
        store_le<std::uint16_t>(content, at + 4, static_cast<std::uint16_t>(length));
        content[at + 6] = static_cast<std::byte>(name.size());
        content[at + 7] = std::byte{EXT2_FT_DIR};
        std::memcpy(content.data() + at + 8, name.data(), name.size());
    };
    constexpr std::size_t tail_begin = kBlockSize - kDirectoryTail;
    put_entry(0, 12, ".");
    put_entry(12, tail_begin - 12, "..");
    store_le<std::uint16_t>(content, tail_begin + 4, kDirectoryTail);
    content[tail_begin + 7] = std::byte{0xDE}; // EXT2_DIR_NAME_LEN_CSUM
    const std::uint32_t seed = inode_seed(handle.native()->csum_seed, kRootInode, 0);
    store_le<std::uint32_t>(content, tail_begin + 8, directory_block_checksum(seed, content));
    handle.io().write(block, content);

    ext2_inode_large inode = make_inode(LINUX_S_IFDIR | 0755, 2, time);
    inode.i_size = kBlockSize;
    set_single_extent(inode, static_cast<std::uint32_t>(block), 1);
    InodeRecord record;
    record.set_fields(inode);
    handle.write_inode(kRootInode, record);
}

void write_journal(FileSystemHandle& handle, std::uint32_t time) {
    const BlockRange place = journal_place();
    take_blocks(handle, place);
    std::array<std::byte, kBlockSize> content{};
    pack_journal_superblock(content, static_cast<std::uint32_t>(place.count));
    handle.io().write(place.first, content);

    ext2_inode_large inode = make_inode(LINUX_S_IFREG | 0600, 1, time);
    inode.i_size = static_cast<std::uint32_t>(place.count * kBlockSize);
    set_single_extent(
        inode, static_cast<std::uint32_t>(place.first), static_cast<std::uint16_t>(place.count));
    InodeRecord record;
    record.set_fields(inode);
    handle.write_inode(kJournalInode, record);

    ext2_super_block& super = handle.super();
    super.s_journal_inum = kJournalInode.value();
    super.s_jnl_backup_type = EXT3_JNL_BACKUP_BLOCKS;
    static_assert(sizeof super.s_jnl_blocks == sizeof inode.i_block + 2 * sizeof(std::uint32_t));
    std::memcpy(super.s_jnl_blocks, inode.i_block, sizeof inode.i_block);
    super.s_jnl_blocks[15] = inode.i_size_high;
    super.s_jnl_blocks[16] = inode.i_size;
}

} // namespace

void format(BlockDevice& device, const FormatOptions& options) {
    check(device, options);
    const std::uint64_t bytes = usable_size(options.size);
    ext2_super_block parameters = make_parameters(bytes);
    FileSystemHandle handle(device, parameters);
    set_identity(handle, options);
    handle.super().s_free_inodes_count = 0;
    ext2fs_free_blocks_count_set(&handle.super(), 0);
    add_groups(handle, 0, handle.nr_groups());
    take_inodes(handle);
    // Side by side in the chunk in which the reserved descriptors end.
    const std::uint32_t map_block = descriptor_room(bytes) + 1;
    TS_ASSERT(map_block + 1 < kSuperblockRoom);
    take_blocks(handle, {map_block, 1});
    write_resize_inode(handle, map_block, options.time);
    write_root(handle, map_block + 1, options.time);
    write_journal(handle, options.time);
    handle.write_backups();
    handle.flush();
}

} // namespace thinsnap::ext4
