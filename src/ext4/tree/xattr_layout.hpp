#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ext4/tree/disk.hpp"
#include "ext4/types.hpp"

/// \file
/// Extended attributes as they stand on the disk: in the inode's record, in one block of the
/// inode's own, and the values that fit nowhere in inodes of their own (ea_inode).
/// Source: Linux fs/ext4/xattr.c, fs/ext4/acl.c.

namespace thinsnap::ext4::tree {

/// An attribute by the disk's name: a number for the prefix and the rest.
struct DiskXattr {
    std::uint8_t prefix = 0;
    std::string name;
    std::string value;
    /// The inode that holds the value; 0: it stands beside the names.
    InodeNumber value_inode;
    std::uint32_t value_hash = 0; ///< with value_inode
};

/// \throws Error(unsupported)       a name that Linux has no place for on ext4 ("com.apple.x"), a
///                                  value of more than 64 KiB
/// \throws Error(invalid_argument)  a name of more than 255 bytes, empty or with a NUL; two
///                                  attributes of one name; an ACL that is none
[[nodiscard]] std::vector<DiskXattr> to_disk_xattrs(std::span<const Xattr> xattrs);

/// Which attribute goes where. Indexes into the vector that was given.
struct XattrPlaces {
    std::vector<std::size_t> in_inode;
    std::vector<std::size_t> in_block;
    std::vector<std::size_t> large; ///< value in an inode of its own; also in one of the others
};

/// \param room  bytes of Inode::xattr_space()
/// \throws Error(unsupported)  more names than a block holds
[[nodiscard]] XattrPlaces place_xattrs(std::span<const DiskXattr> xattrs, std::size_t room);

/// Fills Inode::xattr_space(); zeros when there is nothing.
void pack_inode_xattrs(std::span<std::byte> space,
                       std::span<const DiskXattr> xattrs,
                       std::span<const std::size_t> which);

/// A block with one reference; `where` goes into its checksum.
[[nodiscard]] std::vector<std::byte> pack_xattr_block(std::span<const DiskXattr> xattrs,
                                                      std::span<const std::size_t> which,
                                                      FsBlock where,
                                                      std::uint32_t fs_seed);

/// The inodes with values that the attributes in an inode's record name.
/// \throws Error(corrupt)  entries that cannot be
[[nodiscard]] std::vector<InodeNumber> value_inodes_in_inode(std::span<const std::byte> space);
/// Likewise of a block.
[[nodiscard]] std::vector<InodeNumber> value_inodes_in_block(std::span<const std::byte> block);

/// How many inodes share a block. \throws Error(corrupt)  it is no block with xattrs
[[nodiscard]] std::uint32_t xattr_block_references(std::span<const std::byte> block);
void set_xattr_block_references(std::span<std::byte> block,
                                std::uint32_t count,
                                FsBlock where,
                                std::uint32_t fs_seed);

} // namespace thinsnap::ext4::tree
