#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "ext4/tree/directory_entries.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

/// What the blocks of a directory say.
struct DirectoryContent {
    InodeNumber parent; ///< of ".."
    DirectoryEntries entries;
};

/// Reads the blocks of a directory, linear or indexed, in the order in which they stand there.
/// \param blocks         a multiple of 4 KiB
/// \param checksum_seed  inode_seed() of it
/// \throws Error(corrupt)  an entry, a name or a checksum that cannot be, a name twice, no ".."
[[nodiscard]] DirectoryContent read_directory(std::span<const std::byte> blocks,
                                              std::uint32_t checksum_seed);

} // namespace thinsnap::ext4::tree
