#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/uuid.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {

class FileSystemHandle;

enum class FileSystemAccess { read_only, read_write };

/// Bytes [offset, offset + length) of a device.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const ByteRange&, const ByteRange&) = default;
};

/// A name in a directory.
struct Entry {
    std::string name; ///< 1 to 255 bytes, none of them '/' or NUL; never "." or ".."
    InodeNumber inode;
    FileType type = FileType::regular; ///< as the directory says it; the inode decides
};

/// A file of a tree that is walked.
struct TreeEntry {
    std::string_view path; ///< from the top, no leading '/': "usr/bin/env"
    InodeNumber parent;
    const InodeInfo& inode;
};

/// A run of a file's blocks. Bytes, multiples of kBlockSize.
struct FileExtent {
    std::uint64_t logical = 0;  ///< offset in the file
    std::uint64_t physical = 0; ///< offset on the device
    std::uint64_t length = 0;   ///< at least one block
    bool unwritten = false;     ///< allocated only: reads as zeros
};

struct FileSystemStatistics {
    std::uint64_t size = 0; ///< bytes that the file system takes of its device
    std::uint64_t blocks = 0;
    std::uint64_t free_blocks = 0;
    std::uint64_t inodes = 0;
    std::uint64_t free_inodes = 0;
    std::uint64_t directories = 0;
};

/// An ext4 file system on a block device, in user space and without a mount.
///
/// It is one of layout version 1 (layout.hpp), made by format(), and maybe changed by the kernel or
/// by e2fsprogs since. What is read is hostile until checked: every checksum is verified where it
/// is read, every number before it is used. What does not fit is Error(corrupt) and names the inode
/// or the block; nothing here follows a loop, and no cost exceeds the size of what is really there.
///
/// A journal that the kernel left behind (a snapshot of a mounted container) is replayed first:
/// into memory when opened read_only, for good when opened read_write. Orphans, which the kernel's
/// next mount will remove, have no names and stay. What was replayed is in replayed(): opened
/// read_only, those parts are not what the device says.
///
/// Nothing is written before flush(), except what a TreeWriter or a replay writes; the destructor
/// writes nothing. After a failed write or flush only destruction is left.
/// Threads: one at a time.
class FileSystem {
public:
    /// \param device  must outlive this; may be larger than the file system
    /// \throws Error(corrupt)      with what is wrong
    /// \throws Error(unsupported)  a feature that layout version 1 does not have, by name; opened
    ///         read_write also where the kernel has recorded errors: run e2fsck first
    /// Cost: the descriptors (32 bytes for 128 MiB); read_write also the bitmaps in use.
    FileSystem(BlockDevice& device, FileSystemAccess access);
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;
    ~FileSystem();

    [[nodiscard]] InodeNumber root() const { return kRootInode; }

    /// \throws Error(corrupt)  there is no such inode, or it is not in use: whoever named it lied
    [[nodiscard]] InodeInfo inode(InodeNumber number) const;

    /// Nothing when `directory` has no such name, or `name` cannot be one.
    /// \throws Error(invalid_argument)  `directory` is none
    /// Cost: reads the directory until the name is found; no index is used.
    [[nodiscard]] std::optional<Entry> find(InodeNumber directory, std::string_view name) const;

    /// In the order on disk; "." and ".." are left out. Cost: linear in the directory's size.
    /// \throws Error(invalid_argument)  `directory` is none
    void for_each_entry(InodeNumber directory,
                        const std::function<void(const Entry&)>& visit) const;

    /// Everything below `top`, a directory before what is in it, the names of a directory sorted by
    /// their bytes. A file with several links comes as often.
    /// \throws Error(corrupt)  a directory that has two names, which every loop needs
    void for_each_in_tree(InodeNumber top,
                          const std::function<void(const TreeEntry&)>& visit) const;

    /// Sorted by name. \throws Error(corrupt)
    [[nodiscard]] std::vector<Xattr> xattrs(InodeNumber number) const;

    /// 1 to 4095 bytes without NUL. \throws Error(invalid_argument)  no symlink
    [[nodiscard]] std::string link_target(InodeNumber number) const;

    /// A regular file's content from byte `offset` on; holes and what is unwritten are zeros.
    /// \return how much of `into` was filled: less than asked for only at the end of the file
    /// \throws Error(invalid_argument)  no regular file
    [[nodiscard]] std::size_t
    read(InodeNumber number, std::uint64_t offset, std::span<std::byte> into) const;

    /// Where the content of a regular file, a directory or a long symlink stands; ascending, holes
    /// left out. May reach behind the file's size.
    void for_each_extent(InodeNumber number,
                         const std::function<void(const FileExtent&)>& visit) const;

    /// The inodes in use whose records lie, at least in part, in bytes [offset, offset + length) of
    /// the device, ascending within a group. Cost: the inode tables in that range, nothing else.
    void for_each_inode_in(std::uint64_t offset,
                           std::uint64_t length,
                           const std::function<void(const InodeInfo&)>& visit) const;

    /// What opening it replayed from its journal: ascending, apart from each other.
    [[nodiscard]] std::vector<ByteRange> replayed() const;

    /// Makes the file system larger: `bytes` of its device, rounded down as usable_size() does.
    /// Content stays where it is. Does nothing when that is its size already. Nothing is written
    /// before flush().
    /// \throws Error(invalid_argument)  less than now, or more than the device has
    /// \throws Error(unsupported)       more than its reserve of descriptors allows (max_size())
    void grow(std::uint64_t bytes);
    /// The largest size that grow() accepts.
    [[nodiscard]] std::uint64_t max_size() const;

    [[nodiscard]] FileSystemStatistics statistics() const;
    [[nodiscard]] Uuid uuid() const;
    [[nodiscard]] FileSystemAccess access() const;

    /// Writes everything that was changed to the device, and does not flush the device.
    /// \throws Error(precondition)  opened read_only
    void flush();

    /// For the sources of this folder (file_system_handle.hpp).
    [[nodiscard]] FileSystemHandle& handle() const { return *handle_; }

private:
    std::unique_ptr<FileSystemHandle> handle_;
};

} // namespace thinsnap::ext4
