#include "ext4/superblock_check.hpp"

#include <cstring>
#include <string>

#include <ext2fs/ext2fs.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/layout.hpp"

namespace thinsnap::ext4 {

namespace {

static_assert(sizeof(ext2_super_block) == kSuperblockSize);

constexpr std::size_t kChecksum = offsetof(ext2_super_block, s_checksum);

// What our layout has, and what the kernel or a tool may have added since that does no harm to who
// only reads.
constexpr std::uint32_t kCompatible =
    EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |
    EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX |
    EXT4_FEATURE_COMPAT_ORPHAN_FILE;
constexpr std::uint32_t kIncompatible =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT3_FEATURE_INCOMPAT_EXTENTS |
    EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE;
constexpr std::uint32_t kNeededIncompatible =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG;
constexpr std::uint32_t kWritable =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
    EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
constexpr std::uint32_t kReadable = kWritable | EXT4_FEATURE_RO_COMPAT_QUOTA |
                                    EXT4_FEATURE_RO_COMPAT_PROJECT | EXT4_FEATURE_RO_COMPAT_VERITY |
                                    EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT |
                                    EXT4_FEATURE_RO_COMPAT_READONLY;
constexpr std::uint32_t kNeededReadOnly =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;

[[noreturn]] void fail(Errc kind, const std::string& what) {
    throw Error(kind, "superblock of the file system: " + what);
}

void require(bool holds, const char* field, std::uint64_t seen, std::uint64_t expected) {
    if (!holds)
        fail(Errc::corrupt, fmt::format("{} is {}, expected {}", field, seen, expected));
}

/// Like require(), of a shape that other file systems legally have.
void require_shape(const char* field, std::uint64_t seen, std::uint64_t expected) {
    if (seen != expected)
        fail(Errc::unsupported,
             fmt::format("{} is {}; thinsnap's layout has {}", field, seen, expected));
}

void check_features(const ext2_super_block& super, FileSystemAccess access) {
    const auto refuse = [](const char* set, std::uint32_t bits, const char* why) {
        if (bits != 0)
            fail(Errc::unsupported, fmt::format("{} features 0x{:x} {}", set, bits, why));
    };
    const char* const unknown = "are not supported";
    const char* const missing = "are missing; thinsnap's layout has them";
    refuse("incompatible", super.s_feature_incompat & ~kIncompatible, unknown);
    refuse("incompatible", kNeededIncompatible & ~super.s_feature_incompat, missing);
    refuse("read-only compatible", super.s_feature_ro_compat & ~kReadable, unknown);
    refuse("read-only compatible", kNeededReadOnly & ~super.s_feature_ro_compat, missing);
    if (access == FileSystemAccess::read_only)
        return;
    const char* const for_writing = "are not supported for writing";
    refuse("compatible", super.s_feature_compat & ~kCompatible, for_writing);
    refuse("read-only compatible", super.s_feature_ro_compat & ~kWritable, for_writing);
    if ((super.s_state & EXT2_ERROR_FS) != 0)
        fail(Errc::unsupported, "the kernel has recorded errors; run e2fsck first");
}

void check_shape(const ext2_super_block& super) {
    require_shape("the revision", super.s_rev_level, EXT2_DYNAMIC_REV);
    require_shape("log2 of the block size in KiB", super.s_log_block_size, 2);
    require_shape("log2 of the cluster size in KiB", super.s_log_cluster_size, 2);
    require_shape("the first data block", super.s_first_data_block, 0);
    require_shape("blocks per group", super.s_blocks_per_group, kBlocksPerGroup);
    require_shape("inodes per group", super.s_inodes_per_group, kInodesPerGroup);
    require_shape("the inode size", super.s_inode_size, kInodeSize);
    require_shape("the first inode", super.s_first_ino, kFirstFileInode.value());
    require_shape("the checksum type", super.s_checksum_type, EXT2_CRC32C_CHKSUM);
    if (super.s_desc_size != 0)
        require_shape("the descriptor size", super.s_desc_size, EXT2_MIN_DESC_SIZE);
}

void check_sizes(const ext2_super_block& super, std::uint64_t device_bytes) {
    const std::uint64_t blocks = super.s_blocks_count;
    require(blocks >= kMinSize / kBlockSize, "blocks", blocks, kMinSize / kBlockSize);
    if (blocks * kBlockSize > device_bytes)
        fail(Errc::corrupt,
             fmt::format(
                 "it has {} blocks of 4 KiB; the device has {} bytes", blocks, device_bytes));
    const std::uint64_t groups = group_count(blocks);
    const std::uint64_t inodes = groups * kInodesPerGroup;
    require(super.s_inodes_count == inodes, "inodes", super.s_inodes_count, inodes);
    const std::uint64_t descriptors = (groups + kDescriptorsPerBlock - 1) / kDescriptorsPerBlock;
    const std::uint64_t room = descriptors + super.s_reserved_gdt_blocks;
    if (room + 1 >= kSuperblockRoom)
        fail(Errc::unsupported, fmt::format("{} descriptor blocks", room));
}

} // namespace

void validate_superblock(std::span<const std::byte> superblock,
                         std::uint64_t device_bytes,
                         FileSystemAccess access) {
    TS_ASSERT(superblock.size() == kSuperblockSize);
    ext2_super_block super{};
    std::memcpy(&super, superblock.data(), sizeof super);
    if (super.s_magic != EXT2_SUPER_MAGIC)
        fail(Errc::corrupt, fmt::format("magic is 0x{:x}, expected 0xef53", super.s_magic));
    check_features(super, access);
    const std::uint32_t checksum = crc32c_raw(superblock.first(kChecksum));
    if (super.s_checksum != checksum)
        fail(Errc::corrupt,
             fmt::format("checksum is 0x{:08x}, expected 0x{:08x}", super.s_checksum, checksum));
    check_shape(super);
    check_sizes(super, device_bytes);
}

bool needs_recovery(std::span<const std::byte> superblock) {
    const auto features =
        load_le<std::uint32_t>(superblock, offsetof(ext2_super_block, s_feature_incompat));
    return (features & EXT3_FEATURE_INCOMPAT_RECOVER) != 0;
}

void seal_superblock(std::span<std::byte> superblock) {
    TS_ASSERT(superblock.size() == kSuperblockSize);
    store_le<std::uint32_t>(superblock, kChecksum, crc32c_raw(superblock.first(kChecksum)));
}

} // namespace thinsnap::ext4
