#pragma once

#include <string>
#include <string_view>

/// \file
/// POSIX ACLs as ext4 stores them, which leaves the ids out where they mean nothing, and in the
/// encoding of xattr(7). Source: Linux fs/ext4/acl.c.

namespace thinsnap::ext4 {

/// \return empty: it is no ACL
[[nodiscard]] std::string acl_from_disk(std::string_view disk);

/// \throws Error(invalid_argument)  it is no ACL
[[nodiscard]] std::string acl_to_disk(std::string_view value);

} // namespace thinsnap::ext4
