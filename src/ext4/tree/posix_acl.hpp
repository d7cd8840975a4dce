#pragma once

#include <string>
#include <string_view>

namespace thinsnap::ext4::tree {

/// A POSIX ACL from the encoding of xattr(7) to ext4's, which leaves the ids out where they mean
/// nothing. Source: Linux fs/ext4/acl.c, ext4_acl_to_disk().
/// \throws Error(invalid_argument)  it is none
[[nodiscard]] std::string acl_to_disk(std::string_view value);

} // namespace thinsnap::ext4::tree
