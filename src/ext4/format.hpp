#pragma once

#include <cstdint>

#include <thinsnap/block_device.hpp>

#include "base/uuid.hpp"
#include "ext4/layout.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {

struct FormatOptions {
    /// Of the device's bytes, rounded down as usable_size() does.
    std::uint64_t size = kBaseSize;
    Uuid uuid{};
    Uuid hash_seed{};
    /// Seconds since 1970, for the superblock and the root directory; at least 1, because libext2fs
    /// takes 0 for "ask the clock".
    std::uint32_t time = 1;
};

/// Makes an empty file system of layout version 1: a root directory of mode 0755 without
/// lost+found. The same options give the same bytes. What is not written must read as zeros.
///
/// Cost: at most 2 MB of 64 KiB chunks up to 100 GiB, at most 6 MB at 1 TiB. Does not flush the
/// device.
/// \throws Error(invalid_argument)  the size is outside [kMinSize, kMaxSize] or behind the device's
///         end, or a uuid or the time is zero
void format(BlockDevice& device, const FormatOptions& options);

} // namespace thinsnap::ext4
