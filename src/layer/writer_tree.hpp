#pragma once

#include "ext4/tree_writer.hpp"
#include "layer/tree.hpp"

namespace thinsnap::layer {

/// The tree of an ext4 file system that a TreeWriter changes. Its finish() is the caller's.
class WriterTree final : public Tree {
public:
    /// The writer must outlive it.
    explicit WriterTree(ext4::TreeWriter& writer)
        : writer_(writer) {}

    [[nodiscard]] ext4::InodeNumber root() const override { return ext4::kRootInode; }
    [[nodiscard]] std::optional<TreeEntry> find(ext4::InodeNumber directory,
                                                std::string_view name) override;
    void for_each_entry(
        ext4::InodeNumber directory,
        const std::function<void(std::string_view name, const TreeEntry&)>& visit) override;
    [[nodiscard]] std::string link_target(ext4::InodeNumber symlink) override;
    ext4::InodeNumber
    create(ext4::InodeNumber directory, std::string_view name, const NewFile& file) override;
    void link(ext4::InodeNumber directory, std::string_view name, ext4::InodeNumber file) override;
    void remove(ext4::InodeNumber directory, std::string_view name) override;
    void set_attributes(ext4::InodeNumber file, const ext4::Attributes& attributes) override;
    void set_xattrs(ext4::InodeNumber file, std::vector<ext4::Xattr> xattrs) override;
    [[nodiscard]] std::unique_ptr<TreeContent> open_content(ext4::InodeNumber file) override;

private:
    ext4::TreeWriter& writer_;
};

} // namespace thinsnap::layer
