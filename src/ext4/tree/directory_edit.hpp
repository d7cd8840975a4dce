#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ext4/tree/directory_blocks.hpp"
#include "ext4/tree/directory_entries.hpp"
#include "ext4/tree/name_hash.hpp"

/// \file
/// Few changes to an indexed directory of many blocks: only the leaves with changed names are
/// written, and index blocks where a leaf was full and had to be split.

namespace thinsnap::ext4::tree {

/// A name that came or went since the directory was read, or that leads elsewhere.
struct NameChange {
    std::string_view name;
    bool was_there = false;
    std::optional<DirectoryEntries::Found> now; ///< nothing: it is gone
};

/// A directory as it stands on the disk.
struct DirectorySource {
    DirectoryIdentity identity;
    std::uint32_t nr_blocks = 0;
    std::uint32_t nr_inodes = 0; ///< of the file system
    /// Reads one block of the directory.
    std::function<void(std::uint32_t number, std::span<std::byte> into)> read;
};

/// Blocks of a directory by their number in it.
using DirectoryBlocks = std::map<std::uint32_t, std::vector<std::byte>>;

/// \param changes  names that are all different; their order has no influence on the index, only on
///                 the order within a leaf
/// \return  what is to be written, new blocks (behind the others) included; nothing when the
///          directory must be written whole: its index is damaged, of another form than
///          pack_directory() makes, or one of its blocks is full
/// \throws Error(corrupt)  a leaf is damaged
/// Cost: reads the index, and the leaves of the names that change.
[[nodiscard]] std::optional<DirectoryBlocks> edit_directory(const DirectorySource& source,
                                                            std::span<const NameChange> changes,
                                                            const NameHasher& hasher);

} // namespace thinsnap::ext4::tree
