#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ext4/tree/extent_tree.hpp"
#include "ext4/tree/workspace.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

/// The content of one inode, written from its beginning to its end. Blocks that are written to go
/// to new blocks behind one another, what is left out is a hole.
class FileContent {
public:
    /// Of an inode without content; nothing else may write through `workspace` before close().
    FileContent(Workspace& workspace, InodeNumber number)
        : workspace_(workspace)
        , number_(number) {}

    /// \param offset  not before the end of what was written
    /// \throws Error(invalid_argument)  before that, or behind what ext4 can hold
    void write(std::uint64_t offset, std::span<const std::byte> content);
    /// \throws Error(invalid_argument)  less than was written
    void close(std::uint64_t size);

    [[nodiscard]] InodeNumber number() const noexcept { return number_; }

private:
    void finish_block();
    /// Part of a block; opens it when it is not.
    void write_part(std::uint64_t offset, std::span<const std::byte> content);
    void write_whole(std::uint64_t block, std::span<const std::byte> content);
    [[nodiscard]] BlockRun take(std::uint64_t block, std::size_t most);

    Workspace& workspace_;
    InodeNumber number_;
    std::vector<Extent> extents_;
    std::uint64_t end_ = 0;        ///< of what was written
    std::span<std::byte> open_;    ///< memory of the block that is partly filled, or empty
    std::size_t filled_ = 0;       ///< of open_
    std::uint64_t open_block_ = 0; ///< of the file
};

} // namespace thinsnap::ext4::tree
