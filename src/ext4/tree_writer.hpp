#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ext4/file_system.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {

struct TreeWriterOptions {
    /// The pool's chunk: what copy-on-write copies. A power of two from 4 KiB on; 2 MiB and more
    /// count as 2 MiB.
    std::uint32_t chunk_bytes = 64U << 10U;
    /// Called when the file system is full, with the size that its device is to have at least.
    /// Without it the file system keeps its size. What it throws ends the call that ran out of
    /// space.
    std::function<void(std::uint64_t bytes)> grow_device;
};

/// What a new name is to lead to.
struct NewInode {
    FileType type = FileType::regular;
    Attributes attributes;
    std::string link_target = {};            ///< of a symlink: 1 to 4095 bytes without NUL
    std::optional<DeviceNumber> device = {}; ///< of character and block devices
};

class ContentWriter;

/// Changes a file system in bulk: creates and removes whole trees without a mount, every structure
/// written once.
///
/// Directories and inodes that are touched live in memory; content goes to the device as it comes,
/// in writes of up to 4 MiB. Everything else is written by finish(), in an order that is safe only
/// on a device that nobody uses before the caller has made it durable as a whole: a new layer.
/// A TreeWriter that is destroyed without finish() leaves the FileSystem and its device in a state
/// that must be thrown away, as does one that has thrown (but for the kinds that a function names).
///
/// Placement: new blocks and inodes go to chunks that nothing used before, and a changed directory
/// to new blocks (a large one with few changes: the blocks that change), so that a child layer
/// copies few chunks of its parent: content, metadata, inodes of directories and of other files
/// have chunks of their own. Small files lie one behind another, in the order in which they are
/// created. Chunks that lose their last block are discarded by finish().
///
/// The same calls on the same file system give the same bytes. No function asks the clock:
/// a directory's times change only by set_attributes().
///
/// Memory: 4 MiB, 8 KiB for each group of 128 MiB that is touched, 300 bytes for each inode touched
/// and about 24 bytes and the name for each name in a directory touched; nothing for content.
/// Threads: one at a time, which also is the only user of the FileSystem.
class TreeWriter {
public:
    /// \param file_system  opened read_write; must outlive this, and is not to be read or changed
    /// by
    ///                     others before finish()
    explicit TreeWriter(FileSystem& file_system, TreeWriterOptions options = {});
    TreeWriter(const TreeWriter&) = delete;
    TreeWriter& operator=(const TreeWriter&) = delete;
    ~TreeWriter();

    // What is there, with all changes so far.

    /// \throws Error(invalid_argument)  `directory` is none
    [[nodiscard]] std::optional<Entry> find(InodeNumber directory, std::string_view name);
    /// In an order that the calls so far determine. `visit` must not change the directory.
    void for_each_entry(InodeNumber directory, const std::function<void(const Entry&)>& visit);
    /// The directory's own; the root is its own parent.
    [[nodiscard]] InodeNumber parent(InodeNumber directory);
    [[nodiscard]] InodeInfo inode(InodeNumber number);
    /// \throws Error(invalid_argument)  no symlink
    [[nodiscard]] std::string link_target(InodeNumber number);

    // Changes. None of them while a ContentWriter is open: Error(precondition).

    /// \throws Error(already_exists)    the name is there; nothing has changed then
    /// \throws Error(invalid_argument)  no directory; a name that is empty, ".", "..", longer than
    ///         255 bytes, or has a '/' or NUL; a link target or device that cannot be; nothing has
    ///         changed then
    /// \throws Error(no_space)          full, and it cannot grow
    InodeNumber create(InodeNumber directory, std::string_view name, const NewInode& what);

    /// One more name for `existing`.
    /// \throws Error  as create(); invalid_argument also when `existing` is a directory;
    ///         unsupported when it has 65000 links; nothing has changed then
    void link(InodeNumber directory, std::string_view name, InodeNumber existing);

    /// Removes a name, and what has no name left then: of a directory everything in it.
    /// \throws Error(not_found)    there is no such name; nothing has changed then
    /// \throws Error(corrupt)      a tree that leads to itself, an inode that is freed twice, ...
    /// \throws Error(unsupported)  a file whose blocks are mapped without extents
    /// Cost: reads all directories below, and the inode of each file.
    void remove(InodeNumber directory, std::string_view name);

    /// All four times become mtime. The kernel reads every time back as it was given; e2fsck
    /// complains of some, see kFirstDoubtedSecond.
    void set_attributes(InodeNumber number, const Attributes& attributes);

    /// These extended attributes and no others.
    /// \throws Error(unsupported)  a name that has no place on ext4 (other than user., trusted.,
    ///         security. and the two ACLs), a value of more than 64 KiB, more names than 4 KiB
    ///         hold; nothing has changed then
    /// \throws Error(invalid_argument)  a name that cannot be or comes twice, an ACL that is none;
    ///         nothing has changed then
    void set_xattrs(InodeNumber number, const std::vector<Xattr>& xattrs);

    /// Gives a regular file new content; what it had is freed.
    /// \throws Error(invalid_argument)  no regular file
    [[nodiscard]] ContentWriter open_content(InodeNumber number);

    /// Writes everything and discards chunks that became free. Does not flush the device. Nothing
    /// may be called afterwards.
    void finish();

private:
    friend class ContentWriter;
    struct State;
    std::unique_ptr<State> state_;
};

/// The new content of a file, from its beginning to its end.
///
/// Destroyed without close() the TreeWriter takes no more changes.
class ContentWriter {
public:
    /// What lies between two pieces is a hole, or zeros in the blocks that the pieces have a part
    /// of. \param offset  not before the end of the last piece \throws Error(invalid_argument)
    /// before that, or behind 16 TiB \throws Error(no_space)
    void write(std::uint64_t offset, std::span<const std::byte> content);

    /// Ends the content. What is left to `size` is a hole.
    /// \throws Error(invalid_argument)  less than was written
    /// \throws Error(precondition)      closed already
    void close(std::uint64_t size);

private:
    friend class TreeWriter;
    explicit ContentWriter(TreeWriter::State& state)
        : state_(&state) {}

    TreeWriter::State* state_;
};

} // namespace thinsnap::ext4
