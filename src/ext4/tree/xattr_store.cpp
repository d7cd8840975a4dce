#include "ext4/tree/xattr_store.hpp"

#include <algorithm>
#include <array>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/tree/file_blocks.hpp"
#include "ext4/tree/file_content.hpp"
#include "ext4/tree/xattr_layout.hpp"

namespace thinsnap::ext4::tree {

namespace {

/// What a value in an inode of its own adds to the blocks of the inode that has the attribute.
/// Source: e2fsck, struct ea_quota.
std::uint64_t sectors_of_value(std::uint64_t size) {
    return (size + kBlockBytes - 1) / kBlockBytes * kSectorsPerBlock;
}

/// Puts a value into an inode of its own, which the attribute names from now on.
void store_value(Workspace& workspace, DiskXattr& xattr) {
    xattr.value_inode = workspace.space.take_inode(false);
    const auto bytes = std::as_bytes(std::span(xattr.value));
    xattr.value_hash = crc32c_raw(bytes, workspace.handle.native()->csum_seed);

    Inode inode(FileType::regular, {0600, 0, 0, {}});
    inode.set_flags(kExtentsFlag | kEaInodeFlag);
    inode.set_value_references(1);
    inode.set_value_hash(xattr.value_hash);
    workspace.inodes.create(xattr.value_inode, inode);
    FileContent content(workspace, xattr.value_inode);
    content.write(0, bytes);
    content.close(bytes.size());
}

/// \return the sectors that it counted for
std::uint64_t let_go_of_value(Workspace& workspace, InodeNumber number) {
    Inode& inode = workspace.inodes.edit(number);
    if (!inode.has_flag(kEaInodeFlag) || inode.value_references() == 0)
        throw_corrupt(number, "is named as an xattr's value and is none");
    const std::uint64_t sectors = sectors_of_value(inode.size());
    if (inode.value_references() > 1) {
        inode.set_value_references(inode.value_references() - 1);
        return sectors;
    }
    free_file_blocks(workspace, number);
    workspace.space.free_inode(number, false);
    workspace.inodes.erase(number);
    return sectors;
}

/// A block that others share keeps its values; it loses one reference.
/// \return the sectors that it and its values counted for
std::uint64_t let_go_of_block(Workspace& workspace, FsBlock where) {
    if (where.value() >= workspace.handle.nr_blocks())
        throw Error(Errc::corrupt, "xattrs: their block is outside the file system");
    std::array<std::byte, kBlockBytes> block{};
    workspace.handle.io().read(where.value(), block);
    const std::uint32_t references = xattr_block_references(block);
    std::uint64_t sectors = kSectorsPerBlock;
    if (references > 1) {
        for (const InodeNumber value : value_inodes_in_block(block))
            sectors += sectors_of_value(workspace.inodes.look(value).size());
        set_xattr_block_references(
            block, references - 1, where, workspace.handle.native()->csum_seed);
        workspace.handle.io().write(where.value(), block);
        return sectors;
    }
    for (const InodeNumber value : value_inodes_in_block(block))
        sectors += let_go_of_value(workspace, value);
    workspace.free_blocks({where, 1});
    return sectors;
}

void set_block(Workspace& workspace,
               InodeNumber number,
               std::span<const DiskXattr> xattrs,
               const XattrPlaces& places) {
    const FsBlock where = workspace.space.take_metadata(1).start;
    workspace.handle.io().write(
        where.value(),
        pack_xattr_block(xattrs, places.in_block, where, workspace.handle.native()->csum_seed));
    Inode& inode = workspace.inodes.edit(number);
    inode.set_xattr_block(where);
    inode.set_sectors(inode.sectors() + kSectorsPerBlock);
}

} // namespace

void free_xattrs(Workspace& workspace, InodeNumber number) {
    const Inode& before = workspace.inodes.look(number);
    const std::vector<InodeNumber> values = value_inodes_in_inode(before.xattr_space());
    const FsBlock block = before.xattr_block();
    std::uint64_t sectors = 0;
    for (const InodeNumber value : values)
        sectors += let_go_of_value(workspace, value);
    if (block != FsBlock(0))
        sectors += let_go_of_block(workspace, block);
    Inode& inode = workspace.inodes.edit(number);
    pack_inode_xattrs(inode.xattr_space(), {}, {});
    inode.set_xattr_block(FsBlock(0));
    inode.set_sectors(inode.sectors() - std::min(inode.sectors(), sectors));
}

void set_xattrs(Workspace& workspace, InodeNumber number, std::span<const Xattr> xattrs) {
    std::vector<DiskXattr> disk = to_disk_xattrs(xattrs);
    const XattrPlaces places =
        place_xattrs(disk, workspace.inodes.look(number).xattr_space().size());
    free_xattrs(workspace, number);
    std::uint64_t sectors = 0;
    for (const std::size_t large : places.large) {
        store_value(workspace, disk[large]);
        sectors += sectors_of_value(disk[large].value.size());
    }
    Inode& inode = workspace.inodes.edit(number);
    pack_inode_xattrs(inode.xattr_space(), disk, places.in_inode);
    inode.set_sectors(inode.sectors() + sectors);
    if (!places.in_block.empty())
        set_block(workspace, number, disk, places);
}

} // namespace thinsnap::ext4::tree
