#pragma once

#include <string>

#include "ext4/tree/workspace.hpp"
#include "ext4/tree_writer.hpp"

namespace thinsnap::ext4::tree {

/// \throws Error(invalid_argument)  a link target or a device that cannot be
void check_new_inode(const NewInode& what);

/// Makes an inode with one link (a directory: two); a long link target is written.
[[nodiscard]] InodeNumber create_inode(Workspace& workspace, const NewInode& what);

/// A symlink's target as it stands on the disk.
/// \throws Error(invalid_argument)  no symlink
[[nodiscard]] std::string
read_link_target(FileSystemHandle& handle, InodeNumber number, const Inode& inode);

} // namespace thinsnap::ext4::tree
