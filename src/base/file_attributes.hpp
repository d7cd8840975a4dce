#pragma once

#include <cstdint>
#include <string>

#include "base/timestamp.hpp"

/// \file
/// What is said of a file beside its content, wherever it is said: in a tar, in an inode.

namespace thinsnap {

/// An extended attribute by its full name: "security.capability", "user.x",
/// "system.posix_acl_access". The value is what getxattr(2) gives; for ACLs that is the encoding of
/// xattr(7), not a disk's.
struct Xattr {
    std::string name;
    std::string value;

    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const Xattr&, const Xattr&) = default;
};

struct DeviceNumber {
    std::uint32_t major = 0; ///< 12 bits
    std::uint32_t minor = 0; ///< 20 bits

    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const DeviceNumber&, const DeviceNumber&) = default;
};

struct Attributes {
    std::uint16_t permissions = 0; ///< the 07777 of the mode
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    Timestamp mtime;

    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const Attributes&, const Attributes&) = default;
};

} // namespace thinsnap
