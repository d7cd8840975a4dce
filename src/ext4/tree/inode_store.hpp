#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>

#include "ext4/tree/inode.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {
class FileSystemHandle;
}

namespace thinsnap::ext4::tree {

/// The inodes that were looked at or changed, each read once and written once.
///
/// Memory: 300 bytes for each.
class InodeStore {
public:
    explicit InodeStore(FileSystemHandle& handle)
        : handle_(handle) {}

    /// To look at; until the next call of a function that is not const.
    /// \throws Error(corrupt)  there is no such inode, or it is not in use
    [[nodiscard]] const Inode& look(InodeNumber number) { return slot(number).inode; }
    /// To change.
    [[nodiscard]] Inode& edit(InodeNumber number);
    void create(InodeNumber number, const Inode& inode);
    /// Makes it a free one: all zeros, which e2fsck takes for never used, whatever the times are.
    void erase(InodeNumber number);

    /// Puts what was changed into the file system's cache, whole blocks of the inode tables.
    /// \param is_used  whether an inode is in use: the others of a block need not be read
    void write(const std::function<bool(InodeNumber)>& is_used);

private:
    struct Slot {
        InodeNumber number;
        Inode inode;
        bool changed = false;
        bool erased = false;
    };

    [[nodiscard]] Slot& slot(InodeNumber number);
    void write_block(std::uint64_t block,
                     std::span<Slot* const> slots,
                     const std::function<bool(InodeNumber)>& is_used);

    FileSystemHandle& handle_;
    std::deque<Slot> slots_;
    std::unordered_map<std::uint32_t, Slot*> index_;
};

} // namespace thinsnap::ext4::tree
