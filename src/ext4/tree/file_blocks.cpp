#include "ext4/tree/file_blocks.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system_handle.hpp"
#include "ext4/tree/checksum.hpp"

namespace thinsnap::ext4::tree {

Workspace::Workspace(FileSystemHandle& of, std::uint32_t chunk_bytes, Space::Grow grow)
    : handle(of)
    , space(of, chunk_bytes, std::move(grow))
    , inodes(of)
    , gathered([&of](FsBlock start, std::span<const std::byte> content) {
        of.io().write_content(start.value(), content);
    }) {}

std::uint32_t Workspace::checksum_seed(InodeNumber number) {
    return inode_seed(handle.native()->csum_seed, number, inodes.look(number).generation());
}

ExtentTreeContent
read_file_extents(FileSystemHandle& handle, InodeNumber number, const Inode& inode) {
    const FileType type = inode.type();
    if (inode.is_short_symlink() ||
        (type != FileType::regular && type != FileType::directory && type != FileType::symlink))
        return {};
    const auto root = inode.root();
    if (!inode.has_flag(kExtentsFlag)) {
        if (std::all_of(root.begin(), root.end(), [](std::byte b) { return b == std::byte{0}; }))
            return {};
        throw Error(Errc::unsupported,
                    fmt::format("inode {}: its blocks are not mapped by extents (chattr +e and "
                                "a copy of the file help)",
                                number.value()));
    }
    try {
        return read_extent_tree(
            root,
            {[&](FsBlock block, std::span<std::byte> into) {
                 handle.io().read(block.value(), into);
             },
             handle.nr_blocks(),
             inode_seed(handle.native()->csum_seed, number, inode.generation())});
    } catch (Error& e) {
        e.add_context(fmt::format("inode {}", number.value()));
        throw;
    }
}

namespace {

void set_root(Inode& inode, const ExtentRoot& root) {
    std::copy(root.begin(), root.end(), inode.root().begin());
}

} // namespace

void free_file_blocks(Workspace& workspace, InodeNumber number) {
    Inode& inode = workspace.inodes.edit(number);
    const ExtentTreeContent content = read_file_extents(workspace.handle, number, inode);
    std::uint64_t blocks = content.tree_blocks.size();
    for (const Extent& extent : content.extents) {
        workspace.free_blocks({extent.physical, extent.count});
        blocks += extent.count;
    }
    for (const FsBlock block : content.tree_blocks)
        workspace.free_blocks({block, 1});
    if (inode.has_flag(kExtentsFlag))
        set_root(inode, build_extent_tree({}, {}).root);
    inode.set_size(0);
    inode.set_sectors(inode.sectors() - std::min(inode.sectors(), blocks * kSectorsPerBlock));
}

void set_file_extents(Workspace& workspace,
                      InodeNumber number,
                      std::span<const Extent> extents,
                      std::uint64_t size) {
    const BuiltExtentTree tree =
        build_extent_tree(extents,
                          {[&] { return workspace.space.take_metadata(1).start; },
                           [&](FsBlock block, std::span<const std::byte> content) {
                               workspace.handle.io().write(block.value(), content);
                           },
                           workspace.checksum_seed(number)});
    std::uint64_t blocks = tree.tree_blocks;
    for (const Extent& extent : extents)
        blocks += extent.count;
    Inode& inode = workspace.inodes.edit(number);
    inode.set_flags(inode.flags() | kExtentsFlag);
    set_root(inode, tree.root);
    inode.set_size(size);
    inode.set_sectors(inode.sectors() + blocks * kSectorsPerBlock);
}

void move_file_blocks(Workspace& workspace,
                      InodeNumber number,
                      const std::map<std::uint32_t, FsBlock>& places,
                      std::uint64_t size) {
    Inode& inode = workspace.inodes.edit(number);
    const ExtentTreeContent content = read_file_extents(workspace.handle, number, inode);
    std::map<std::uint32_t, FsBlock> all = places;
    std::uint64_t blocks = content.tree_blocks.size();
    for (const Extent& extent : content.extents) {
        blocks += extent.count;
        for (std::uint32_t i = 0; i < extent.count; ++i) {
            const FsBlock place = extent.physical + i;
            if (!all.emplace(extent.logical + i, place).second)
                workspace.free_blocks({place, 1});
        }
    }
    for (const FsBlock block : content.tree_blocks)
        workspace.free_blocks({block, 1});
    inode.set_sectors(inode.sectors() - std::min(inode.sectors(), blocks * kSectorsPerBlock));
    std::vector<Extent> extents;
    for (const auto& [logical, place] : all)
        append_extent(extents, {logical, 1, place, false});
    set_file_extents(workspace, number, extents, size);
}

} // namespace thinsnap::ext4::tree
