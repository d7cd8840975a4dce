#include "ext4/tree_writer.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system_handle.hpp"
#include "ext4/layout.hpp"
#include "ext4/tree/directory_tree.hpp"
#include "ext4/tree/dirent.hpp"
#include "ext4/tree/file_blocks.hpp"
#include "ext4/tree/file_content.hpp"
#include "ext4/tree/new_inode.hpp"
#include "ext4/tree/workspace.hpp"
#include "ext4/tree/xattr_store.hpp"

namespace thinsnap::ext4 {

namespace {

using tree::Directory;
using tree::DirectoryEntries;
using tree::Inode;

constexpr std::uint32_t kMaxChunk = kTableBlocks * kBlockSize; // a group's inode table

std::uint32_t checked_chunk(std::uint32_t bytes) {
    if (!std::has_single_bit(bytes) || bytes < kBlockSize)
        throw Error(Errc::invalid_argument,
                    fmt::format("chunks of {} bytes: not a power of two from 4096 on", bytes));
    return std::min(bytes, kMaxChunk);
}

void check_name(std::string_view name) {
    if (name.empty() || name.size() > tree::kMaxName || name == "." || name == ".." ||
        name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos)
        throw Error(Errc::invalid_argument,
                    fmt::format("a name of {} bytes that cannot be in a directory", name.size()));
}

FileType type_of(const DirectoryEntries::Found& entry) {
    return tree::file_type(entry.type).value_or(FileType::regular);
}

} // namespace

struct TreeWriter::State {
    State(FileSystem& fs, TreeWriterOptions given)
        : file_system(fs)
        , options(std::move(given))
        , workspace(fs.handle(), checked_chunk(options.chunk_bytes), [this] { return grow(); })
        , directories(workspace) {}

    FileSystem& file_system;
    TreeWriterOptions options;
    tree::Workspace workspace;
    tree::DirectoryTree directories;
    std::optional<tree::FileContent> content;               ///< that a ContentWriter writes
    std::unordered_map<std::uint32_t, std::string> targets; ///< of new symlinks, by inode
    bool finished = false;

    [[nodiscard]] bool grow();
    void require_idle() const;
    /// The directory, in which there is no such name.
    [[nodiscard]] Directory& place_for(InodeNumber directory, std::string_view name);
    /// Takes one name away from an inode. \return whether it is a directory, which is freed later
    [[nodiscard]] bool unlink(InodeNumber number, const Directory& from);
    void free_inode(InodeNumber number);
    void remove_tree(InodeNumber top);
};

bool TreeWriter::State::grow() {
    const std::uint64_t size = file_system.statistics().size;
    if (!options.grow_device || size > file_system.max_size() / 2)
        return false;
    const std::uint64_t wanted = next_size(size);
    if (wanted > file_system.max_size())
        return false;
    options.grow_device(wanted);
    file_system.grow(wanted);
    return true;
}

void TreeWriter::State::require_idle() const {
    if (content)
        throw Error(Errc::precondition,
                    fmt::format("changing a file system while inode {} is being written",
                                content->number().value()));
    if (finished)
        throw Error(Errc::precondition, "changing a file system by a writer that has finished");
}

Directory& TreeWriter::State::place_for(InodeNumber directory, std::string_view name) {
    require_idle();
    check_name(name);
    Directory& place = directories.get(directory);
    if (place.entries.find(name))
        throw Error(Errc::already_exists,
                    fmt::format("'{}' is in directory {} already", name, directory.value()));
    return place;
}

void TreeWriter::State::free_inode(InodeNumber number) {
    tree::free_xattrs(workspace, number);
    tree::free_file_blocks(workspace, number);
    workspace.space.free_inode(number, workspace.inodes.look(number).is_directory());
    workspace.inodes.erase(number);
    targets.erase(number.value());
}

bool TreeWriter::State::unlink(InodeNumber number, const Directory& from) {
    const Inode& inode = workspace.inodes.look(number);
    if (number < kFirstFileInode || inode.has_flag(tree::kEaInodeFlag))
        throw_corrupt(number, "has a name that it must not have");
    if (inode.is_directory()) {
        if (directories.get(number).parent != from.self)
            throw_corrupt(number, "is a directory that is in another one than it says");
        return true;
    }
    if (inode.links() > 1)
        workspace.inodes.edit(number).set_links(inode.links() - 1);
    else
        free_inode(number);
    return false;
}

void TreeWriter::State::remove_tree(InodeNumber top) {
    std::vector<InodeNumber> waiting = {top};
    while (!waiting.empty()) {
        const InodeNumber number = waiting.back();
        waiting.pop_back();
        const Directory& directory = directories.get(number);
        directory.entries.for_each([&](std::string_view, const DirectoryEntries::Found& entry) {
            if (unlink(entry.inode, directory))
                waiting.push_back(entry.inode);
        });
        directories.drop(number);
        free_inode(number);
    }
}

TreeWriter::TreeWriter(FileSystem& file_system, TreeWriterOptions options)
    : state_(std::make_unique<State>(file_system, std::move(options))) {}

TreeWriter::~TreeWriter() = default;

std::optional<Entry> TreeWriter::find(InodeNumber directory, std::string_view name) {
    const auto found = state_->directories.get(directory).entries.find(name);
    if (!found)
        return std::nullopt;
    return Entry{std::string(name), found->inode, type_of(*found)};
}

void TreeWriter::for_each_entry(InodeNumber directory,
                                const std::function<void(const Entry&)>& visit) {
    state_->directories.get(directory).entries.for_each(
        [&](std::string_view name, const DirectoryEntries::Found& entry) {
            visit(Entry{std::string(name), entry.inode, type_of(entry)});
        });
}

InodeNumber TreeWriter::parent(InodeNumber directory) {
    return state_->directories.get(directory).parent;
}

InodeInfo TreeWriter::inode(InodeNumber number) {
    return describe_inode(number, {state_->workspace.inodes.look(number).bytes()});
}

std::string TreeWriter::link_target(InodeNumber number) {
    const auto pending = state_->targets.find(number.value());
    if (pending != state_->targets.end())
        return pending->second;
    return tree::read_link_target(
        state_->workspace.handle, number, state_->workspace.inodes.look(number));
}

InodeNumber TreeWriter::create(InodeNumber directory, std::string_view name, const NewInode& what) {
    Directory& place = state_->place_for(directory, name);
    tree::check_new_inode(what);
    const InodeNumber number = tree::create_inode(state_->workspace, what);
    if (what.type == FileType::symlink)
        state_->targets.emplace(number.value(), what.link_target);
    if (what.type == FileType::directory)
        state_->directories.create(number, directory);
    state_->directories.insert(place, name, {number, tree::dirent_type(what.type)});
    return number;
}

void TreeWriter::link(InodeNumber directory, std::string_view name, InodeNumber existing) {
    Directory& place = state_->place_for(directory, name);
    const Inode& inode = state_->workspace.inodes.look(existing);
    if (inode.is_directory() || existing < kFirstFileInode)
        throw Error(Errc::invalid_argument,
                    fmt::format("inode {} cannot have another name", existing.value()));
    if (inode.links() >= tree::kMaxLinks)
        throw Error(Errc::unsupported,
                    fmt::format("inode {} has {} links, no more are possible",
                                existing.value(),
                                inode.links()));
    const std::uint8_t type = tree::dirent_type(inode.type());
    state_->workspace.inodes.edit(existing).set_links(inode.links() + 1);
    state_->directories.insert(place, name, {existing, type});
}

void TreeWriter::remove(InodeNumber directory, std::string_view name) {
    state_->require_idle();
    Directory& place = state_->directories.get(directory);
    const auto found = place.entries.find(name);
    if (!found)
        throw Error(Errc::not_found,
                    fmt::format("'{}' is not in directory {}", name, directory.value()));
    const bool is_directory = state_->unlink(found->inode, place);
    state_->directories.erase(place, name);
    if (is_directory)
        state_->remove_tree(found->inode);
}

void TreeWriter::set_attributes(InodeNumber number, const Attributes& attributes) {
    state_->require_idle();
    state_->workspace.inodes.edit(number).set_attributes(attributes);
}

void TreeWriter::set_xattrs(InodeNumber number, const std::vector<Xattr>& xattrs) {
    state_->require_idle();
    tree::set_xattrs(state_->workspace, number, xattrs);
}

ContentWriter TreeWriter::open_content(InodeNumber number) {
    state_->require_idle();
    if (!state_->workspace.inodes.look(number).is_regular())
        throw Error(Errc::invalid_argument,
                    fmt::format("inode {} is not a regular file", number.value()));
    tree::free_file_blocks(state_->workspace, number);
    state_->content.emplace(state_->workspace, number);
    return ContentWriter(*state_);
}

void TreeWriter::finish() {
    state_->require_idle();
    tree::Workspace& workspace = state_->workspace;
    state_->directories.write();
    workspace.gathered.flush();
    workspace.inodes.write([&](InodeNumber number) { return workspace.space.is_used(number); });
    workspace.space.finish();
    state_->file_system.flush();
    for (const tree::BlockRun& run : workspace.space.freed_chunks())
        workspace.handle.io().device().discard(run.start.value() * kBlockSize,
                                               std::uint64_t{run.count} * kBlockSize);
    state_->finished = true;
}

void ContentWriter::write(std::uint64_t offset, std::span<const std::byte> content) {
    if (!state_->content)
        throw Error(Errc::precondition, "writing content that was closed");
    state_->content->write(offset, content);
}

void ContentWriter::close(std::uint64_t size) {
    if (!state_->content)
        throw Error(Errc::precondition, "closing content that was closed");
    state_->content->close(size);
    state_->content.reset();
}

} // namespace thinsnap::ext4
