#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// POSIX ACLs: the text of SCHILY.acl.* records and the value of system.posix_acl_* attributes.

namespace thinsnap::layer {

inline constexpr std::string_view kAccessAclName = "system.posix_acl_access";
inline constexpr std::string_view kDefaultAclName = "system.posix_acl_default";

/// The attribute's value for an ACL's text ("user::rw-,user:1000:r--,mask::r--,..." as GNU tar
/// writes it, or with the id in a fourth field, as star does).
/// \return  nothing when it is no ACL, or when a user or group has no number: names cannot be
///          looked up, they are those of the image
[[nodiscard]] std::optional<std::string> acl_from_text(std::string_view text);

/// What the kernel makes of a file's mode when an access ACL is set on the file.
struct AclMode {
    std::uint16_t permissions = 0; ///< the lowest nine bits
    bool stored = true; ///< false: the ACL says no more than the mode, and no attribute is kept
};
/// \param value  of system.posix_acl_access
/// \return       nothing when it is no valid ACL; the kernel would refuse it
/// Source: Linux fs/posix_acl.c, posix_acl_valid() and posix_acl_equiv_mode()
[[nodiscard]] std::optional<AclMode> check_acl(std::string_view value);

} // namespace thinsnap::layer
