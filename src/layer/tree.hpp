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

#include "ext4/types.hpp"

namespace thinsnap::layer {

/// A name in a directory.
struct TreeEntry {
    ext4::InodeNumber inode;
    ext4::FileType type = ext4::FileType::regular;
};

/// What a file is made of, except for its content and extended attributes.
struct NewFile {
    ext4::FileType type = ext4::FileType::regular;
    ext4::Attributes attributes;
    std::string link_target;                  ///< of a symlink
    std::optional<ext4::DeviceNumber> device; ///< of a character or block device
};

/// Takes a regular file's content.
class TreeContent {
public:
    TreeContent() = default;
    TreeContent(const TreeContent&) = delete;
    TreeContent& operator=(const TreeContent&) = delete;
    virtual ~TreeContent() = default;

    /// \param offset  ascending from call to call; what is left out is a hole
    virtual void write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
    /// The content is complete, `size` bytes long. Not called: the file is of no use.
    virtual void close(std::uint64_t size) = 0;
};

/// The tree of files that a layer is applied to.
///
/// The seam between what a layer's tar means and how ext4 holds it: the meaning is tested on a tree
/// in memory (tests/support/memory_tree.hpp), where a case takes microseconds and any call can be
/// made to fail, and that tree is the model which ext4's is compared with.
///
/// Nothing here changes a directory's attributes on its own. Names are the caller's to check.
/// Threads: one at a time.
class Tree {
public:
    Tree() = default;
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
    virtual ~Tree() = default;

    [[nodiscard]] virtual ext4::InodeNumber root() const = 0;
    [[nodiscard]] virtual std::optional<TreeEntry> find(ext4::InodeNumber directory,
                                                        std::string_view name) = 0;
    /// In no particular order; without "." and "..". The tree must not be changed meanwhile.
    virtual void
    for_each_entry(ext4::InodeNumber directory,
                   const std::function<void(std::string_view name, const TreeEntry&)>& visit) = 0;
    [[nodiscard]] virtual std::string link_target(ext4::InodeNumber symlink) = 0;

    /// The name must be free.
    virtual ext4::InodeNumber
    create(ext4::InodeNumber directory, std::string_view name, const NewFile& file) = 0;
    /// One more name for a file that is no directory.
    virtual void
    link(ext4::InodeNumber directory, std::string_view name, ext4::InodeNumber file) = 0;
    /// With everything below it, where it is a directory.
    virtual void remove(ext4::InodeNumber directory, std::string_view name) = 0;
    virtual void set_attributes(ext4::InodeNumber file, const ext4::Attributes& attributes) = 0;
    /// These and no others. \param xattrs  sorted by name
    virtual void set_xattrs(ext4::InodeNumber file, std::vector<ext4::Xattr> xattrs) = 0;
    /// At most one at a time; of a file just made, before anything else is done with it.
    [[nodiscard]] virtual std::unique_ptr<TreeContent> open_content(ext4::InodeNumber file) = 0;
};

} // namespace thinsnap::layer
