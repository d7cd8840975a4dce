#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "ext4/directory.hpp"
#include "ext4/extents.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/inode.hpp"

/// \file
/// What stands in a file's blocks. For the sources of this folder only.

namespace thinsnap::ext4 {

/// Of files with extents, and of those that are mapped by blocks.
void for_each_extent_of(FileSystemHandle& handle,
                        InodeNumber number,
                        const InodeRecord& record,
                        std::uint64_t from,
                        const std::function<bool(const Extent&)>& visit);

/// Bytes from `offset` on, up to the size that the inode says. \return bytes of `into` filled
[[nodiscard]] std::size_t read_content(FileSystemHandle& handle,
                                       InodeNumber number,
                                       const InodeRecord& record,
                                       std::uint64_t offset,
                                       std::span<std::byte> into);

/// A directory's entries in the order on disk. \throws Error(corrupt)  it has holes, or more or
/// fewer blocks than its size says
void for_each_entry_of(FileSystemHandle& handle,
                       InodeNumber number,
                       const InodeRecord& record,
                       const std::function<bool(const RawEntry&)>& visit);

} // namespace thinsnap::ext4
