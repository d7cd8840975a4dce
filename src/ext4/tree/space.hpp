#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "ext4/tree/disk.hpp"
#include "ext4/tree/grouped_bitmap.hpp"
#include "ext4/tree/run_stream.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {
class FileSystemHandle;
}

namespace thinsnap::ext4::tree {

/// Blocks and inodes of a file system, given and taken. What is given lies in chunks that nothing
/// used before: content, metadata (directories, extent blocks, xattrs), the inodes of directories
/// and those of everything else each in chunks of their own.
///
/// When no chunk is wholly free the file system grows; where it cannot, what is left in used chunks
/// is given.
class Space {
public:
    /// Makes the file system larger. \return false when that cannot be
    using Grow = std::function<bool()>;

    /// \param handle       opened read_write; must outlive this
    /// \param chunk_bytes  a power of two, 4 KiB to 2 MiB
    Space(FileSystemHandle& handle, std::uint32_t chunk_bytes, Grow grow);
    Space(const Space&) = delete;
    Space& operator=(const Space&) = delete;
    ~Space();

    /// At least one block, at most `most`. \throws Error(no_space)
    [[nodiscard]] BlockRun take_content(std::uint32_t most) {
        return to_blocks(content_.take(most));
    }
    [[nodiscard]] BlockRun take_metadata(std::uint32_t most) {
        return to_blocks(metadata_.take(most));
    }
    void free_blocks(BlockRun run);

    [[nodiscard]] InodeNumber take_inode(bool directory);
    void free_inode(InodeNumber number, bool directory);
    [[nodiscard]] bool is_used(InodeNumber number) { return inodes_.is_used(number.value() - 1); }

    /// Passes everything on to libext2fs' bitmaps and counts. What was reserved ahead is free
    /// again.
    void finish();

    /// Chunks that have lost their last block, as blocks; ascending.
    [[nodiscard]] std::vector<BlockRun> freed_chunks();

private:
    class Blocks;
    class Inodes;

    [[nodiscard]] static BlockRun to_blocks(UnitRun run) { return {FsBlock(run.start), run.count}; }
    [[nodiscard]] UnitRun reserve(GroupedBitmap& map, std::uint32_t most, const char* what);
    [[nodiscard]] bool grow();
    void pass_on();
    void reserve_first_directories();

    FileSystemHandle& handle_;
    Grow grow_;
    std::unique_ptr<Blocks> block_source_;
    std::unique_ptr<Inodes> inode_source_;
    GroupedBitmap blocks_;
    GroupedBitmap inodes_;
    RunStream content_;
    RunStream metadata_;
    RunStream directory_inodes_;
    RunStream other_inodes_;
    std::map<std::uint32_t, std::int64_t> directories_; ///< group: how many more than before
};

} // namespace thinsnap::ext4::tree
