#pragma once

#include <span>

#include "ext4/tree/workspace.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

/// Gives an inode these extended attributes and no others.
/// \throws Error  as to_disk_xattrs() and place_xattrs() do
void set_xattrs(Workspace& workspace, InodeNumber number, std::span<const Xattr> xattrs);

/// Lets go of the attributes' block and of the inodes with their values; the inode has none then.
void free_xattrs(Workspace& workspace, InodeNumber number);

} // namespace thinsnap::ext4::tree
