#include "ext4/tree/directory_tree.hpp"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "ext4/file_system_handle.hpp"
#include "ext4/tree/directory_blocks.hpp"
#include "ext4/tree/directory_edit.hpp"
#include "ext4/tree/directory_reader.hpp"
#include "ext4/tree/dirent.hpp"
#include "ext4/tree/file_blocks.hpp"

namespace thinsnap::ext4::tree {

namespace {

NameHasher hasher_of(const ext2_super_block& super) {
    NameHasher hasher{
        super.s_def_hash_version, (super.s_flags & EXT2_FLAGS_UNSIGNED_HASH) != 0, {}};
    std::copy(std::begin(super.s_hash_seed), std::end(super.s_hash_seed), hasher.seed.begin());
    return hasher;
}

/// Where the blocks of a directory stand, all of them: it has no holes.
std::vector<std::uint64_t>
block_places(FileSystemHandle& handle, InodeNumber number, const Inode& inode) {
    const ExtentTreeContent content = read_file_extents(handle, number, inode);
    std::vector<std::uint64_t> places;
    for (const Extent& extent : content.extents) {
        if (extent.logical != places.size() || extent.unwritten)
            throw_corrupt(number, "is a directory with a hole");
        for (std::uint32_t i = 0; i < extent.count; ++i)
            places.push_back(extent.physical.value() + i);
    }
    if (inode.size() == 0 || inode.size() % kBlockBytes != 0 ||
        inode.size() / kBlockBytes > places.size())
        throw_corrupt(number, fmt::format("is a directory of {} bytes", inode.size()));
    return places;
}

std::vector<std::byte>
read_blocks(FileSystemHandle& handle, InodeNumber number, const Inode& inode) {
    const std::vector<std::uint64_t> places = block_places(handle, number, inode);
    std::vector<std::byte> bytes(inode.size());
    const std::size_t blocks = bytes.size() / kBlockBytes;
    for (std::size_t at = 0; at < blocks;) {
        std::size_t end = at + 1;
        while (end < blocks && places[end] == places[end - 1] + 1)
            ++end;
        handle.io().read_content(
            places[at], std::span(bytes).subspan(at * kBlockBytes, (end - at) * kBlockBytes));
        at = end;
    }
    return bytes;
}

/// Smaller ones are written whole: they lie in one chunk or two.
constexpr std::uint32_t kMinEditedBlocks = 32;

/// \param was_there  before this change
void note_edit(Directory& directory, std::string_view name, bool was_there) {
    directory.changed = true;
    if (!directory.edits)
        return;
    directory.edits->try_emplace(std::string(name), was_there);
    if (directory.edits->size() > directory.blocks / 2)
        directory.edits.reset();
}

} // namespace

DirectoryTree::DirectoryTree(Workspace& workspace)
    : workspace_(workspace)
    , hasher_(hasher_of(workspace.handle.super())) {}

std::unique_ptr<Directory> DirectoryTree::load(InodeNumber number) {
    const Inode& inode = workspace_.inodes.look(number);
    if (!inode.is_directory())
        throw Error(Errc::invalid_argument,
                    fmt::format("inode {} is not a directory", number.value()));
    auto directory = std::make_unique<Directory>();
    try {
        const auto blocks = read_blocks(workspace_.handle, number, inode);
        DirectoryContent content = read_directory(blocks, workspace_.checksum_seed(number));
        directory->blocks = static_cast<std::uint32_t>(blocks.size() / kBlockBytes);
        directory->self = number;
        directory->parent = content.parent;
        directory->entries = std::move(content.entries);
    } catch (Error& e) {
        e.add_context(fmt::format("inode {}", number.value()));
        throw;
    }
    if (directory->blocks >= kMinEditedBlocks && inode.has_flag(kIndexFlag))
        directory->edits.emplace();
    directory->entries.for_each([&](std::string_view, const DirectoryEntries::Found& entry) {
        directory->subdirectories += entry.type == kDirectoryType ? 1 : 0;
    });
    return directory;
}

Directory& DirectoryTree::get(InodeNumber number) {
    const auto found = directories_.find(number.value());
    if (found != directories_.end())
        return *found->second;
    return *directories_.emplace(number.value(), load(number)).first->second;
}

Directory& DirectoryTree::create(InodeNumber number, InodeNumber parent) {
    auto directory = std::make_unique<Directory>();
    directory->self = number;
    directory->parent = parent;
    directory->changed = true;
    const auto [place, inserted] = directories_.emplace(number.value(), std::move(directory));
    TS_ASSERT(inserted);
    return *place->second;
}

void DirectoryTree::update_links(const Directory& directory) {
    const std::uint32_t links = 2 + directory.subdirectories;
    workspace_.inodes.edit(directory.self).set_links(links > kMaxLinks ? 1 : links);
}

void DirectoryTree::insert(Directory& directory,
                           std::string_view name,
                           DirectoryEntries::Found entry) {
    const bool inserted = directory.entries.insert(name, entry);
    TS_ASSERT(inserted);
    note_edit(directory, name, false);
    if (entry.type == kDirectoryType) {
        ++directory.subdirectories;
        update_links(directory);
    }
}

void DirectoryTree::erase(Directory& directory, std::string_view name) {
    const auto entry = directory.entries.find(name);
    TS_ASSERT(entry.has_value());
    directory.entries.erase(name);
    note_edit(directory, name, true);
    if (entry->type == kDirectoryType) {
        --directory.subdirectories;
        update_links(directory);
    }
}

bool DirectoryTree::write_edits(const Directory& directory) {
    if (!directory.edits)
        return false;
    const InodeNumber number = directory.self;
    FileSystemHandle& handle = workspace_.handle;
    const Inode& inode = workspace_.inodes.look(number);
    const std::vector<std::uint64_t> places = block_places(handle, number, inode);
    if (places.size() != directory.blocks)
        return false;
    std::vector<NameChange> changes;
    for (const auto& [name, was_there] : *directory.edits)
        changes.push_back({name, was_there, directory.entries.find(name)});
    const auto edited =
        edit_directory({.identity = {number, directory.parent, workspace_.checksum_seed(number)},
                        .nr_blocks = directory.blocks,
                        .nr_inodes = handle.nr_inodes(),
                        .read = [&](std::uint32_t block,
                                    auto into) { handle.io().read_content(places[block], into); }},
                       changes,
                       hasher_);
    if (!edited || edited->size() > directory.blocks / 2)
        return false;
    std::map<std::uint32_t, FsBlock> moved;
    std::uint32_t blocks = directory.blocks;
    for (const auto& [block, content] : *edited) {
        const FsBlock place = workspace_.space.take_metadata(1).start;
        workspace_.gathered.append(place, content);
        moved.emplace(block, place);
        blocks = std::max(blocks, block + 1);
    }
    move_file_blocks(workspace_, number, moved, std::uint64_t{blocks} * kBlockBytes);
    return true;
}

void DirectoryTree::write_whole(const Directory& directory) {
    std::vector<NamedInode> entries;
    entries.reserve(directory.entries.size());
    directory.entries.for_each([&](std::string_view name, const DirectoryEntries::Found& entry) {
        entries.push_back({name, entry.inode, entry.type});
    });
    const InodeNumber number = directory.self;
    const PackedDirectory packed = pack_directory(
        {number, directory.parent, workspace_.checksum_seed(number)}, entries, hasher_);

    free_file_blocks(workspace_, number);
    std::vector<Extent> extents;
    std::span<const std::byte> rest = packed.blocks;
    std::uint32_t logical = 0;
    while (!rest.empty()) {
        const BlockRun run =
            workspace_.space.take_metadata(static_cast<std::uint32_t>(rest.size() / kBlockBytes));
        append_extent(extents, {logical, run.count, run.start, false});
        workspace_.gathered.append(run.start, rest.first(run.count * kBlockBytes));
        rest = rest.subspan(run.count * kBlockBytes);
        logical += run.count;
    }
    set_file_extents(workspace_, number, extents, packed.blocks.size());
    Inode& inode = workspace_.inodes.edit(number);
    inode.set_flags(packed.indexed ? inode.flags() | kIndexFlag : inode.flags() & ~kIndexFlag);
}

void DirectoryTree::write() {
    std::vector<Directory*> changed;
    for (const auto& [number, directory] : directories_)
        if (directory->changed)
            changed.push_back(directory.get());
    std::sort(changed.begin(), changed.end(), [](const Directory* a, const Directory* b) {
        return a->self < b->self;
    });
    for (Directory* directory : changed) {
        if (!write_edits(*directory))
            write_whole(*directory);
        workspace_.inodes.edit(directory->self).count_change();
        directory->changed = false;
    }
}

} // namespace thinsnap::ext4::tree
