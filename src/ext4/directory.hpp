#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "ext4/types.hpp"

/// \file
/// Reading directory blocks, indexed (htree) or not: an index looks like unused entries, so that a
/// directory of any depth can be read from its first block to its last.

namespace thinsnap::ext4 {

struct RawEntry {
    std::string_view name; ///< checked: no '/', no NUL, 1 to 255 bytes; "." and ".." left out
    std::uint32_t inode = 0;
    std::uint8_t type = 0; ///< EXT2_FT_*
};

struct DirectoryBlock {
    InodeNumber inode;
    std::uint32_t seed = 0;     ///< inode_seed()
    std::uint64_t index = 0;    ///< in the directory
    std::uint64_t physical = 0; ///< for messages
    bool indexed = false;       ///< the inode's flag
    std::uint32_t nr_inodes = 0;
};

/// The entries in use of one block, its checksum verified.
/// \return false when `visit` did, to stop
/// \throws Error(corrupt)
bool for_each_raw_entry(std::span<const std::byte> content,
                        const DirectoryBlock& block,
                        const std::function<bool(const RawEntry&)>& visit);

/// Whether a name can stand in a directory: 1 to 255 bytes, no '/', no NUL, not "." and "..".
[[nodiscard]] bool is_valid_name(std::string_view name);

} // namespace thinsnap::ext4
