#include "ext4/inode.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::ext4 {

namespace {

constexpr std::uint32_t kEpochMask = 3;
constexpr std::uint32_t kNanosecondShift = 2;
constexpr std::uint32_t kNanoseconds = 1'000'000'000;
constexpr std::uint64_t kMaxFileSize = (1ULL << 32U) * kBlockSize;
constexpr std::uint64_t kMaxTarget = kBlockSize - 1;
constexpr std::size_t kExtraRoom = kInodeSize - EXT2_GOOD_OLD_INODE_SIZE;
constexpr std::uint32_t kXattrMagic = 0xEA020000; // EXT2_EXT_ATTR_MAGIC

std::optional<FileType> type_of(std::uint32_t mode) {
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFREG:
        return FileType::regular;
    case LINUX_S_IFDIR:
        return FileType::directory;
    case LINUX_S_IFLNK:
        return FileType::symlink;
    case LINUX_S_IFCHR:
        return FileType::character_device;
    case LINUX_S_IFBLK:
        return FileType::block_device;
    case LINUX_S_IFIFO:
        return FileType::fifo;
    case LINUX_S_IFSOCK:
        return FileType::socket;
    default:
        return std::nullopt;
    }
}

/// The old encoding in the first pointer, or the new one in the second.
/// Source: Linux include/linux/kdev_t.h.
DeviceNumber device_of(const ext2_inode_large& inode) {
    if (inode.i_block[0] != 0)
        return {inode.i_block[0] >> 8U & 0xFFU, inode.i_block[0] & 0xFFU};
    const std::uint32_t number = inode.i_block[1];
    return {(number & 0xFFF00U) >> 8U, (number & 0xFFU) | (number >> 12U & 0xFFF00U)};
}

std::uint64_t allocated_bytes(const ext2_inode_large& inode) {
    const std::uint64_t count = inode.i_blocks | std::uint64_t{inode.osd2.linux2.l_i_blocks_hi}
                                                     << 32U;
    return count * ((inode.i_flags & EXT4_HUGE_FILE_FL) != 0 ? kBlockSize : 512U);
}

bool has_xattrs(const InodeRecord& record, const ext2_inode_large& inode) {
    if (inode.i_file_acl != 0)
        return true;
    const std::size_t at = EXT2_GOOD_OLD_INODE_SIZE + inode.i_extra_isize;
    std::uint32_t magic = 0;
    if (at + 2 * sizeof magic > kInodeSize)
        return false;
    std::memcpy(&magic, record.bytes.data() + at, sizeof magic);
    std::uint32_t first = 0;
    std::memcpy(&first, record.bytes.data() + at + sizeof magic, sizeof first);
    return magic == kXattrMagic && first != 0;
}

void check_fields(InodeNumber number, const ext2_inode_large& inode, FileType type) {
    if ((inode.i_flags & (EXT4_INLINE_DATA_FL | EXT4_ENCRYPT_FL)) != 0)
        throw Error(Errc::unsupported,
                    fmt::format("inode {}: flags 0x{:x}: inline data and encryption are not "
                                "supported",
                                number.value(),
                                inode.i_flags));
    if (inode.i_extra_isize > kExtraRoom || inode.i_extra_isize % 4 != 0)
        throw_corrupt(number, fmt::format("{} extra bytes", inode.i_extra_isize));
    const std::uint64_t size = size_of(inode);
    if (type == FileType::regular && size > kMaxFileSize)
        throw_corrupt(number, fmt::format("a file of {} bytes", size));
    if (type == FileType::directory && (size == 0 || size % kBlockSize != 0 || size > kMaxFileSize))
        throw_corrupt(number, fmt::format("a directory of {} bytes", size));
    if (type == FileType::symlink && (size == 0 || size > kMaxTarget))
        throw_corrupt(number, fmt::format("a symlink of {} bytes", size));
    if (inode.osd2.linux2.l_i_file_acl_high != 0)
        throw_corrupt(number, "xattrs behind 16 TiB");
}

Timestamp
read_time(InodeNumber number, const ext2_inode_large& inode, std::uint32_t seconds, bool modified) {
    constexpr std::size_t all_times =
        offsetof(ext2_inode_large, i_crtime) - EXT2_GOOD_OLD_INODE_SIZE;
    std::uint32_t extra = 0;
    if (inode.i_extra_isize >= all_times)
        extra = modified ? inode.i_mtime_extra : inode.i_ctime_extra;
    const Timestamp time = unpack_time({seconds, extra});
    if (time.nanoseconds >= kNanoseconds)
        throw_corrupt(number, fmt::format("a time with {} nanoseconds", time.nanoseconds));
    return time;
}

} // namespace

ext2_inode_large InodeRecord::fields() const {
    ext2_inode_large fields{};
    std::memcpy(&fields, bytes.data(), sizeof fields);
    return fields;
}

void InodeRecord::set_fields(const ext2_inode_large& fields) {
    std::memcpy(bytes.data(), &fields, sizeof fields);
}

ext2_inode_large* InodeRecord::native() {
    return static_cast<ext2_inode_large*>(static_cast<void*>(bytes.data()));
}

bool InodeRecord::in_use() const {
    const ext2_inode_large inode = fields();
    return inode.i_links_count != 0 && inode.i_mode != 0;
}

void throw_corrupt(InodeNumber inode, std::string_view what) {
    throw Error(Errc::corrupt, fmt::format("inode {}: {}", inode.value(), what));
}

std::uint64_t size_of(const ext2_inode_large& inode) {
    return inode.i_size | std::uint64_t{inode.i_size_high} << 32U;
}

bool is_short_symlink(const ext2_inode_large& inode) {
    return LINUX_S_ISLNK(inode.i_mode) && size_of(inode) < sizeof inode.i_block &&
           (inode.i_flags & EXT4_EXTENTS_FL) == 0;
}

InodeInfo describe_inode(InodeNumber number, const InodeRecord& record) {
    const ext2_inode_large inode = record.fields();
    if (!record.in_use())
        throw_corrupt(number, "not in use, yet something names it");
    const auto type = type_of(inode.i_mode);
    if (!type)
        throw_corrupt(number, fmt::format("mode 0{:o}", inode.i_mode));
    check_fields(number, inode, *type);
    InodeInfo info;
    info.number = number;
    info.type = *type;
    info.attributes.permissions = inode.i_mode & 07777U;
    info.attributes.uid = inode.i_uid | std::uint32_t{inode.osd2.linux2.l_i_uid_high} << 16U;
    info.attributes.gid = inode.i_gid | std::uint32_t{inode.osd2.linux2.l_i_gid_high} << 16U;
    info.attributes.mtime = read_time(number, inode, inode.i_mtime, true);
    info.ctime = read_time(number, inode, inode.i_ctime, false);
    info.size = size_of(inode);
    info.links = inode.i_links_count;
    info.allocated_bytes = allocated_bytes(inode);
    if (*type == FileType::character_device || *type == FileType::block_device)
        info.device = device_of(inode);
    info.has_xattrs = has_xattrs(record, inode);
    info.generation = inode.i_generation;
    return info;
}

void set_single_extent(ext2_inode_large& inode, std::uint32_t first, std::uint16_t count) {
    ext3_extent_header header{};
    header.eh_magic = EXT3_EXT_MAGIC;
    header.eh_entries = 1;
    header.eh_max = (sizeof inode.i_block - sizeof header) / sizeof(ext3_extent);
    ext3_extent extent{};
    extent.ee_len = count;
    extent.ee_start = first;
    std::memset(inode.i_block, 0, sizeof inode.i_block);
    std::memcpy(&inode.i_block[0], &header, sizeof header);
    std::memcpy(&inode.i_block[3], &extent, sizeof extent);
    inode.i_flags |= EXT4_EXTENTS_FL;
    inode.i_blocks = std::uint32_t{count} * (kBlockSize / 512);
}

DiskTime pack_time(const Timestamp& time) {
    const Timestamp clamped = std::clamp(time, kEarliestTimestamp, kLatestTimestamp);
    // The low half as a signed number; the epoch bits count what is missing in units of 2^32.
    const auto low = static_cast<std::int32_t>(static_cast<std::uint64_t>(clamped.seconds));
    const auto epoch = static_cast<std::uint32_t>((clamped.seconds - low) >> 32U) & kEpochMask;
    return {static_cast<std::uint32_t>(low), clamped.nanoseconds << kNanosecondShift | epoch};
}

Timestamp unpack_time(const DiskTime& time) {
    const std::int64_t epoch = std::int64_t{time.extra & kEpochMask} << 32U;
    return {static_cast<std::int32_t>(time.seconds) + epoch, time.extra >> kNanosecondShift};
}

} // namespace thinsnap::ext4
