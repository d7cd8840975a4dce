#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <thinsnap/types.hpp>

/// \file
/// What ext4 knows of a file, in the words of this project.

namespace thinsnap::ext4 {

/// Every block of a file system that this module makes or opens has this many bytes.
inline constexpr std::uint32_t kBlockSize = 4096;

/// From 1 on. The root directory is kRootInode, files begin at kFirstFileInode.
using InodeNumber = Quantity<struct InodeNumberTag, std::uint32_t>;
inline constexpr InodeNumber kRootInode{2};
inline constexpr InodeNumber kFirstFileInode{11};

enum class FileType {
    regular,
    directory,
    symlink,
    character_device,
    block_device,
    fifo,
    socket,
};

/// Since 1970. An inode holds 1901-12-13 20:45:52 to 2446-05-10 22:38:55 (34 bits); what is earlier
/// or later is written as the nearest of these.
struct Timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0; ///< below 1'000'000'000

    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};
inline constexpr Timestamp kEarliestTimestamp{-0x8000'0000LL, 0};
inline constexpr Timestamp kLatestTimestamp{0x3'7FFF'FFFFLL, 999'999'999};

/// Seconds from 2310-04-04 to 2378-04-22 that e2fsck 1.47 says are "likely pre-1970", while the
/// kernel reads them as they are: with both bits of the epoch set they look like what old 64-bit
/// kernels wrote for 1901 to 1969. We write what the kernel does. e2fsck -n says no more than that
/// and exits with 0; -p and -y, run before 2242, make times of 1901 to 1969 of them.
inline constexpr std::int64_t kFirstDoubtedSecond = 0x2'8000'0000LL;
inline constexpr std::int64_t kLastDoubtedSecond = 0x2'FFFF'FFFFLL;

/// An extended attribute by its full name: "security.capability", "user.x",
/// "system.posix_acl_access". The value is what getxattr(2) gives; for ACLs that is the encoding of
/// xattr(7), not the disk's.
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

/// What a tar entry says of any file. What we write has ctime, atime and crtime equal to mtime.
struct Attributes {
    std::uint16_t permissions = 0; ///< the 07777 of the mode
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    Timestamp mtime;

    // NOLINTNEXTLINE(modernize-use-nullptr) as in Quantity
    friend auto operator<=>(const Attributes&, const Attributes&) = default;
};

struct InodeInfo {
    InodeNumber number;
    FileType type = FileType::regular;
    Attributes attributes;
    Timestamp ctime;
    std::uint64_t size = 0;  ///< bytes; of a symlink the target's length
    std::uint32_t links = 0; ///< at least 1; of a directory with 65,000 and more children 1
    std::uint64_t allocated_bytes = 0;  ///< what it occupies, with its tree of extents and xattrs
    std::optional<DeviceNumber> device; ///< of character and block devices
    bool has_xattrs = false;            ///< false: xattrs() would find none
    std::uint32_t generation = 0;
};

} // namespace thinsnap::ext4
