#pragma once

#include <cstdint>
#include <vector>

#include "ext4/types.hpp"
#include "tar/entry.hpp"

namespace thinsnap::layer {

/// A tar entry's attributes as a file of its type can have them on Linux.
struct FileMetadata {
    ext4::Attributes attributes;
    std::vector<ext4::Xattr> xattrs; ///< sorted by name
    unsigned left_out = 0;           ///< extended attributes and ACLs that no such file can have
    bool opaque = false;             ///< marked so by OverlayFS (only with OverlayMarks::interpret)
};

/// What OverlayFS's own attributes (trusted.overlay.*, user.overlay.*) are taken for.
enum class OverlayMarks { keep, interpret };

/// A symlink's mode is 0777, as Linux has it, and an access ACL decides the mode as it does when it
/// is set. Left out are: attributes outside the namespaces user, trusted, security and the two
/// ACLs; user attributes and ACLs of what is neither file nor directory; default ACLs of what is no
/// directory; ACLs that name someone without a number.
/// \throws Error(corrupt)      an ACL that Linux would refuse
/// \throws Error(unsupported)  OverlayMarks::interpret, and the content is elsewhere (redirect,
///                             metacopy)
[[nodiscard]] FileMetadata metadata_of(const tar::Entry& entry, OverlayMarks marks);

} // namespace thinsnap::layer
