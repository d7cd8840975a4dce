#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ext4/tree/directory_entries.hpp"
#include "ext4/tree/name_hash.hpp"
#include "ext4/tree/workspace.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

/// A directory in memory.
struct Directory {
    InodeNumber self;
    InodeNumber parent;
    DirectoryEntries entries;
    std::uint32_t subdirectories = 0;
    bool changed = false;
    std::uint32_t blocks = 0; ///< as it was read
    /// The names that were put in or taken out since it was read, and whether they were there then.
    /// Nothing when it is to be written whole: it is new, small, has no index, or too many changed.
    std::optional<std::map<std::string, bool, std::less<>>> edits;
};

/// The directories that were looked into or changed: read whole when first needed, written once.
class DirectoryTree {
public:
    explicit DirectoryTree(Workspace& workspace);

    /// Until the directory is dropped.
    /// \throws Error(invalid_argument)  no directory
    /// \throws Error(corrupt)
    [[nodiscard]] Directory& get(InodeNumber number);
    /// The inode is there already.
    Directory& create(InodeNumber number, InodeNumber parent);
    /// Forgets a directory that is removed.
    void drop(InodeNumber number) { directories_.erase(number.value()); }

    /// \param name  not in it
    void insert(Directory& directory, std::string_view name, DirectoryEntries::Found entry);
    /// \param name  in it
    void erase(Directory& directory, std::string_view name);

    /// Writes every changed directory to new blocks and frees those that it had: of a large one
    /// with few changes the blocks with changed names only.
    void write();

private:
    [[nodiscard]] std::unique_ptr<Directory> load(InodeNumber number);
    void update_links(const Directory& directory);
    void write_whole(const Directory& directory);
    /// \return whether it was done: else it must be written whole
    [[nodiscard]] bool write_edits(const Directory& directory);

    Workspace& workspace_;
    NameHasher hasher_;
    std::unordered_map<std::uint32_t, std::unique_ptr<Directory>> directories_;
};

} // namespace thinsnap::ext4::tree
