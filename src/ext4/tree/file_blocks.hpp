#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "ext4/tree/extent_tree.hpp"
#include "ext4/tree/workspace.hpp"
#include "ext4/types.hpp"

/// \file
/// The blocks of one inode: of its content and of the tree that says where they are.

namespace thinsnap::ext4::tree {

/// Where the content stands. An inode that has none (a device, a short symlink) has no extents.
/// \throws Error(corrupt)
/// \throws Error(unsupported)  blocks mapped as ext2 did, which Linux only does when told to
[[nodiscard]] ExtentTreeContent
read_file_extents(FileSystemHandle& handle, InodeNumber number, const Inode& inode);

/// Frees the content and the tree; the inode is empty then.
void free_file_blocks(Workspace& workspace, InodeNumber number);

/// Gives an empty inode its content.
void set_file_extents(Workspace& workspace,
                      InodeNumber number,
                      std::span<const Extent> extents,
                      std::uint64_t size);

/// Gives some blocks of a file, and those that it gets behind its end, places of their own; what
/// they had is freed. Nothing is read or written of their content.
/// \param places  by the block of the file
void move_file_blocks(Workspace& workspace,
                      InodeNumber number,
                      const std::map<std::uint32_t, FsBlock>& places,
                      std::uint64_t size);

} // namespace thinsnap::ext4::tree
