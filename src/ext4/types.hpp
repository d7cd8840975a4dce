#pragma once

#include <cstdint>
#include <optional>

#include <thinsnap/types.hpp>

#include "base/file_attributes.hpp"

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

using thinsnap::Attributes; ///< what we write has ctime, atime and crtime equal to mtime
using thinsnap::DeviceNumber;
using thinsnap::Timestamp;
using thinsnap::Xattr;

/// 34 bits of seconds: 1901-12-13 20:45:52 to 2446-05-10 22:38:55. What is earlier or later is
/// written as the nearest of these.
inline constexpr Timestamp kEarliestTimestamp{-0x8000'0000LL, 0};
inline constexpr Timestamp kLatestTimestamp{0x3'7FFF'FFFFLL, 999'999'999};

/// Seconds from 2310-04-04 to 2378-04-22 that e2fsck 1.47 says are "likely pre-1970", while the
/// kernel reads them as they are: with both bits of the epoch set they look like what old 64-bit
/// kernels wrote for 1901 to 1969. We write what the kernel does. e2fsck -n says no more than that
/// and exits with 0; -p and -y, run before 2242, make times of 1901 to 1969 of them.
inline constexpr std::int64_t kFirstDoubtedSecond = 0x2'8000'0000LL;
inline constexpr std::int64_t kLastDoubtedSecond = 0x2'FFFF'FFFFLL;

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
