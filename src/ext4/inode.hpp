#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ext2fs/ext2fs.h>

#include "ext4/layout.hpp"
#include "ext4/types.hpp"

/// \file
/// Inodes as they stand on disk. For the sources of this folder only.

namespace thinsnap::ext4 {

/// 256 bytes as they stand in an inode table: ext2_inode_large and the xattrs behind it.
struct InodeRecord {
    alignas(ext2_inode_large) std::array<std::byte, kInodeSize> bytes{};

    [[nodiscard]] ext2_inode_large fields() const;
    void set_fields(const ext2_inode_large& fields);
    /// For libext2fs.
    [[nodiscard]] ext2_inode_large* native();
    /// Links and a type: neither free nor deleted.
    [[nodiscard]] bool in_use() const;
};

/// \throws Error(corrupt)  always: "inode 12: what"
[[noreturn]] void throw_corrupt(InodeNumber inode, std::string_view what);

/// What a record says. \throws Error(corrupt)  it contradicts itself, or is not in use;
/// Error(unsupported)  inline data, encryption
[[nodiscard]] InodeInfo describe_inode(InodeNumber number, const InodeRecord& record);

[[nodiscard]] std::uint64_t size_of(const ext2_inode_large& inode);

/// Source: Linux fs/ext4/ext4.h, ext4_inode_is_fast_symlink() without EA_INODE's history.
[[nodiscard]] bool is_short_symlink(const ext2_inode_large& inode);

/// The extents of a file that has one, whole in the inode. \param count  at most 32768 blocks
void set_single_extent(ext2_inode_large& inode, std::uint32_t first, std::uint16_t count);

/// A time as the two fields of an inode, clamped to what they can hold.
struct DiskTime {
    std::uint32_t seconds = 0;
    std::uint32_t extra = 0; ///< epoch bits and nanoseconds
};
[[nodiscard]] DiskTime pack_time(const Timestamp& time);
[[nodiscard]] Timestamp unpack_time(const DiskTime& time);

} // namespace thinsnap::ext4
