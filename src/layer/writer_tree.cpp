#include "layer/writer_tree.hpp"

namespace thinsnap::layer {

namespace {

class Content final : public TreeContent {
public:
    explicit Content(ext4::ContentWriter writer)
        : writer_(writer) {}

    void write(std::uint64_t offset, std::span<const std::byte> bytes) override {
        writer_.write(offset, bytes);
    }
    void close(std::uint64_t size) override { writer_.close(size); }

private:
    ext4::ContentWriter writer_;
};

} // namespace

std::optional<TreeEntry> WriterTree::find(ext4::InodeNumber directory, std::string_view name) {
    const auto entry = writer_.find(directory, name);
    if (!entry)
        return std::nullopt;
    return TreeEntry{entry->inode, entry->type};
}

void WriterTree::for_each_entry(
    ext4::InodeNumber directory,
    const std::function<void(std::string_view name, const TreeEntry&)>& visit) {
    writer_.for_each_entry(directory, [&](const ext4::Entry& entry) {
        visit(entry.name, {entry.inode, entry.type});
    });
}

std::string WriterTree::link_target(ext4::InodeNumber symlink) {
    return writer_.link_target(symlink);
}

ext4::InodeNumber
WriterTree::create(ext4::InodeNumber directory, std::string_view name, const NewFile& file) {
    return writer_.create(
        directory, name, {file.type, file.attributes, file.link_target, file.device});
}

void WriterTree::link(ext4::InodeNumber directory, std::string_view name, ext4::InodeNumber file) {
    writer_.link(directory, name, file);
}

void WriterTree::remove(ext4::InodeNumber directory, std::string_view name) {
    writer_.remove(directory, name);
}

void WriterTree::set_attributes(ext4::InodeNumber file, const ext4::Attributes& attributes) {
    writer_.set_attributes(file, attributes);
}

void WriterTree::set_xattrs(ext4::InodeNumber file, std::vector<ext4::Xattr> xattrs) {
    writer_.set_xattrs(file, xattrs);
}

std::unique_ptr<TreeContent> WriterTree::open_content(ext4::InodeNumber file) {
    return std::make_unique<Content>(writer_.open_content(file));
}

} // namespace thinsnap::layer
