#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ext4/file_system_handle.hpp"
#include "ext4/inode.hpp"
#include "ext4/types.hpp"

/// \file
/// Reading extended attributes, and what their writer shares.

namespace thinsnap::ext4 {

/// What a name's first part is on disk; the rest stands there as text.
struct XattrPrefix {
    std::uint8_t index;
    std::string_view text; ///< "user.", or the whole name
};
/// Ordered so that the first one that begins a name is its.
/// Source: Linux fs/ext4/xattr.h, EXT4_XATTR_INDEX_*.
inline constexpr std::array<XattrPrefix, 6> kXattrPrefixes = {{
    {2, "system.posix_acl_access"},
    {3, "system.posix_acl_default"},
    {1, "user."},
    {4, "trusted."},
    {6, "security."},
    {7, "system."},
}};
inline constexpr std::size_t kMaxXattrValue = 65536; ///< XATTR_SIZE_MAX

/// All of a file, from the inode, its block and the inodes of large values; sorted by name.
/// \throws Error(corrupt)
[[nodiscard]] std::vector<Xattr>
read_xattrs(FileSystemHandle& handle, InodeNumber number, const InodeRecord& record);

} // namespace thinsnap::ext4
