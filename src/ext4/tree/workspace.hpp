#pragma once

#include "ext4/tree/disk.hpp"
#include "ext4/tree/gathered_writes.hpp"
#include "ext4/tree/inode_store.hpp"
#include "ext4/tree/space.hpp"

namespace thinsnap::ext4::tree {

/// What the parts of a TreeWriter change a file system through.
struct Workspace {
    FileSystemHandle& handle;
    Space space;
    InodeStore inodes;
    GatheredWrites gathered;

    Workspace(FileSystemHandle& of, std::uint32_t chunk_bytes, Space::Grow grow);

    void free_blocks(BlockRun run) {
        gathered.settle(run);
        space.free_blocks(run);
    }
    [[nodiscard]] std::uint32_t checksum_seed(InodeNumber number);
};

} // namespace thinsnap::ext4::tree
