#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ext4/tree/directory_blocks.hpp"
#include "ext4/tree/disk.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

inline constexpr std::uint8_t kDirectoryType = 2;                      // EXT2_FT_DIR
inline constexpr std::size_t kDirentTail = 12;                         // struct ext4_dir_entry_tail
inline constexpr std::size_t kDirentSpace = kBlockBytes - kDirentTail; // for entries in a block
inline constexpr std::size_t kLeafFill = kDirentSpace - kDirentSpace / 8; // of a new leaf
inline constexpr std::size_t kMaxName = 255;

/// The number by which a directory entry says what it leads to (EXT2_FT_*).
[[nodiscard]] std::uint8_t dirent_type(FileType type) noexcept;
/// \return nothing for a number that means no type
[[nodiscard]] std::optional<FileType> file_type(std::uint8_t dirent_type) noexcept;

/// Bytes that an entry with a name of this length needs.
[[nodiscard]] constexpr std::size_t dirent_size(std::size_t name_length) {
    return (8 + name_length + 3) & ~std::size_t{3};
}

/// Writes one entry at `offset` that reaches `rec_len` bytes far. What is behind the name stays.
void pack_dirent(std::span<std::byte> block,
                 std::size_t offset,
                 std::size_t rec_len,
                 const NamedInode& entry);

/// Puts entries one behind another into a zeroed block.
class DirentBlock {
public:
    explicit DirentBlock(std::span<std::byte> block)
        : block_(block) {}

    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    void append(std::string_view name, InodeNumber inode, std::uint8_t type);
    /// Lets the last entry reach to the tail, writes the tail and its checksum. Without entries
    /// there is one then that is not in use.
    void finish(std::uint32_t checksum_seed);

private:
    std::span<std::byte> block_;
    std::size_t used_ = 0;
    std::size_t last_ = 0;
};

} // namespace thinsnap::ext4::tree
