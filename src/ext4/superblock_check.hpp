#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ext4/file_system.hpp"

namespace thinsnap::ext4 {

inline constexpr std::uint64_t kSuperblockOffset = 1024;
inline constexpr std::size_t kSuperblockSize = 1024;

/// What libext2fs and everything after it relies on: that it is a superblock, its checksum, that
/// shape and features are those of layout version 1, and that it fits on the device.
/// \throws Error(corrupt), Error(unsupported)  as FileSystem's constructor says
void validate_superblock(std::span<const std::byte> superblock,
                         std::uint64_t device_bytes,
                         FileSystemAccess access);

/// Whether the journal holds what was not yet written where it belongs.
[[nodiscard]] bool needs_recovery(std::span<const std::byte> superblock);

/// Makes the superblock's checksum right.
void seal_superblock(std::span<std::byte> superblock);

} // namespace thinsnap::ext4
