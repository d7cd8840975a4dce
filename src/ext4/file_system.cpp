#include "ext4/file_system.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/file_content.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/xattrs.hpp"

namespace thinsnap::ext4 {

namespace {

FileType type_of_entry(InodeNumber directory, const RawEntry& entry) {
    switch (entry.type) {
    case EXT2_FT_REG_FILE:
        return FileType::regular;
    case EXT2_FT_DIR:
        return FileType::directory;
    case EXT2_FT_CHRDEV:
        return FileType::character_device;
    case EXT2_FT_BLKDEV:
        return FileType::block_device;
    case EXT2_FT_FIFO:
        return FileType::fifo;
    case EXT2_FT_SOCK:
        return FileType::socket;
    case EXT2_FT_SYMLINK:
        return FileType::symlink;
    default:
        throw_corrupt(directory, fmt::format("'{}' has type {}", entry.name, entry.type));
    }
}

Entry make_entry(InodeNumber directory, const RawEntry& entry) {
    return {std::string(entry.name), InodeNumber(entry.inode), type_of_entry(directory, entry)};
}

/// The inode and what it says, of one type.
std::pair<InodeRecord, InodeInfo>
read_typed(FileSystemHandle& handle, InodeNumber number, FileType type, const char* name) {
    InodeRecord record = handle.read_inode(number);
    InodeInfo info = describe_inode(number, record);
    if (info.type != type)
        throw Error(Errc::invalid_argument, fmt::format("inode {} is no {}", number.value(), name));
    return {record, info};
}

/// One directory on the way down.
struct Level {
    InodeNumber directory;
    std::vector<Entry> entries; ///< by name, the next one last
    std::size_t path_length = 0;
};

} // namespace

FileSystem::FileSystem(BlockDevice& device, FileSystemAccess access)
    : handle_(std::make_unique<FileSystemHandle>(device, access)) {}

FileSystem::~FileSystem() = default;

InodeInfo FileSystem::inode(InodeNumber number) const {
    return describe_inode(number, handle_->read_inode(number));
}

std::optional<Entry> FileSystem::find(InodeNumber directory, std::string_view name) const {
    const auto record = read_typed(*handle_, directory, FileType::directory, "directory").first;
    std::optional<Entry> found;
    if (!is_valid_name(name))
        return found;
    for_each_entry_of(*handle_, directory, record, [&](const RawEntry& entry) {
        if (entry.name == name)
            found = make_entry(directory, entry);
        return !found;
    });
    return found;
}

void FileSystem::for_each_entry(InodeNumber directory,
                                const std::function<void(const Entry&)>& visit) const {
    const auto record = read_typed(*handle_, directory, FileType::directory, "directory").first;
    for_each_entry_of(*handle_, directory, record, [&](const RawEntry& entry) {
        visit(make_entry(directory, entry));
        return true;
    });
}

void FileSystem::for_each_in_tree(InodeNumber top,
                                  const std::function<void(const TreeEntry&)>& visit) const {
    std::unordered_set<InodeNumber> seen;
    std::vector<Level> levels;
    std::string path;
    const auto enter = [&](InodeNumber directory) {
        if (!seen.insert(directory).second)
            throw_corrupt(directory,
                          fmt::format("a directory with two names, one of them '{}'", path));
        Level level{directory, {}, path.size()};
        for_each_entry(directory, [&](const Entry& entry) { level.entries.push_back(entry); });
        std::ranges::sort(level.entries, std::ranges::greater{}, &Entry::name);
        levels.push_back(std::move(level));
    };
    enter(top);
    while (!levels.empty()) {
        Level& level = levels.back();
        path.resize(level.path_length);
        if (level.entries.empty()) {
            levels.pop_back();
            continue;
        }
        const Entry entry = std::move(level.entries.back());
        level.entries.pop_back();
        if (!path.empty())
            path += '/';
        path += entry.name;
        const InodeInfo info = inode(entry.inode);
        visit({path, level.directory, info});
        if (info.type == FileType::directory)
            enter(entry.inode);
    }
}

std::vector<Xattr> FileSystem::xattrs(InodeNumber number) const {
    const InodeRecord record = handle_->read_inode(number);
    if (!describe_inode(number, record).has_xattrs)
        return {};
    return read_xattrs(*handle_, number, record);
}

std::string FileSystem::link_target(InodeNumber number) const {
    const auto [record, info] = read_typed(*handle_, number, FileType::symlink, "symlink");
    std::string target(info.size, '\0');
    const ext2_inode_large inode = record.fields();
    if (is_short_symlink(inode))
        std::memcpy(target.data(), inode.i_block, target.size());
    else
        (void)read_content(*handle_, number, record, 0, std::as_writable_bytes(std::span(target)));
    if (target.find('\0') != std::string::npos)
        throw_corrupt(number, "a symlink's target with a NUL in it");
    return target;
}

std::size_t
FileSystem::read(InodeNumber number, std::uint64_t offset, std::span<std::byte> into) const {
    const auto record = read_typed(*handle_, number, FileType::regular, "regular file").first;
    return read_content(*handle_, number, record, offset, into);
}

void FileSystem::for_each_extent(InodeNumber number,
                                 const std::function<void(const FileExtent&)>& visit) const {
    const InodeRecord record = handle_->read_inode(number);
    const InodeInfo info = describe_inode(number, record);
    if (info.device || info.type == FileType::fifo || info.type == FileType::socket ||
        is_short_symlink(record.fields()))
        return;
    for_each_extent_of(*handle_, number, record, 0, [&](const Extent& extent) {
        visit({extent.logical * kBlockSize,
               extent.physical * kBlockSize,
               std::uint64_t{extent.count} * kBlockSize,
               extent.unwritten});
        return true;
    });
}

std::vector<ByteRange> FileSystem::replayed() const {
    std::vector<ByteRange> ranges;
    for (const BlockRange& range : handle_->replayed())
        ranges.push_back({range.first * kBlockSize, range.count * kBlockSize});
    return ranges;
}

FileSystemStatistics FileSystem::statistics() const {
    FileSystemStatistics result;
    result.blocks = handle_->nr_blocks();
    result.size = result.blocks * kBlockSize;
    result.inodes = handle_->nr_inodes();
    for (std::uint32_t group = 0; group < handle_->nr_groups(); ++group) {
        result.free_blocks += ext2fs_bg_free_blocks_count(handle_->native(), group);
        result.free_inodes += ext2fs_bg_free_inodes_count(handle_->native(), group);
        result.directories += ext2fs_bg_used_dirs_count(handle_->native(), group);
    }
    return result;
}

Uuid FileSystem::uuid() const {
    Uuid uuid{};
    std::memcpy(uuid.data(), handle_->super().s_uuid, uuid.size());
    return uuid;
}

FileSystemAccess FileSystem::access() const {
    return handle_->access();
}

void FileSystem::flush() {
    handle_->flush();
}

} // namespace thinsnap::ext4
