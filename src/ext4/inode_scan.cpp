// The inodes whose records lie in a range of the device.

#include <algorithm>
#include <cstring>
#include <vector>

#include "ext4/file_system.hpp"
#include "ext4/file_system_handle.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint64_t kTableBytes = std::uint64_t{kTableBlocks} * kBlockSize;

/// Records [begin, end) of a group's table that can be in use.
struct Records {
    std::uint32_t group = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

void visit_records(FileSystemHandle& handle,
                   std::uint64_t table,
                   const Records& records,
                   const std::function<void(const InodeInfo&)>& visit) {
    if (records.begin >= records.end)
        return;
    const std::uint64_t first = std::uint64_t{records.begin} * kInodeSize / kBlockSize;
    const std::uint64_t end =
        (std::uint64_t{records.end} * kInodeSize + kBlockSize - 1) / kBlockSize;
    std::vector<std::byte> content((end - first) * kBlockSize);
    handle.io().read_content(table + first, content);
    for (std::uint32_t i = records.begin; i < records.end; ++i) {
        const InodeNumber number(records.group * kInodesPerGroup + i + 1);
        if (number < kFirstFileInode && number != kRootInode)
            continue;
        InodeRecord record;
        const auto offset = std::uint64_t{i} * kInodeSize - first * kBlockSize;
        std::memcpy(record.bytes.data(), content.data() + offset, kInodeSize);
        if (!record.in_use() || (record.fields().i_flags & EXT4_EA_INODE_FL) != 0)
            continue;
        handle.verify_inode(number, record);
        visit(describe_inode(number, record));
    }
}

} // namespace

void FileSystem::for_each_inode_in(std::uint64_t offset,
                                   std::uint64_t length,
                                   const std::function<void(const InodeInfo&)>& visit) const {
    const auto& tables = handle_->inode_tables();
    const std::uint64_t end = offset + std::min(length, ~offset);
    const std::uint64_t from = offset < kTableBytes ? 0 : (offset - kTableBytes) / kBlockSize;
    auto table =
        std::ranges::lower_bound(tables, from, {}, &std::pair<std::uint64_t, std::uint32_t>::first);
    for (; table != tables.end() && table->first * kBlockSize < end; ++table) {
        const std::uint64_t begin = table->first * kBlockSize;
        if (offset >= begin + kTableBytes)
            continue;
        const std::uint32_t used =
            ext2fs_bg_flags_test(handle_->native(), table->second, EXT2_BG_INODE_UNINIT) != 0
                ? 0
                : kInodesPerGroup - ext2fs_bg_itable_unused(handle_->native(), table->second);
        const std::uint64_t first = offset > begin ? (offset - begin) / kInodeSize : 0;
        const std::uint64_t last =
            std::min<std::uint64_t>(used, (end - begin + kInodeSize - 1) / kInodeSize);
        visit_records(
            *handle_,
            table->first,
            {table->second, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)},
            visit);
    }
}

} // namespace thinsnap::ext4
