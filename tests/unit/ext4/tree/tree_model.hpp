#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ext4/file_system.hpp"
#include "ext4/tree_writer.hpp"

#include "support/random.hpp"

namespace thinsnap::test {

/// A file as a model of a file system has it.
struct ModelFile {
    ext4::NewInode what;
    std::vector<ext4::Xattr> xattrs;
    std::uint64_t size = 0;
    /// Pieces of content: offset and length; the bytes are those of pattern(seed).
    std::map<std::uint64_t, std::uint64_t> pieces;
    std::uint64_t seed = 0;
    std::uint32_t names = 0;
    std::map<std::string, std::shared_ptr<ModelFile>> entries; ///< of a directory
};

/// A file system in memory, changed at random and in step with a TreeWriter.
class TreeModel {
public:
    explicit TreeModel(std::uint64_t seed);

    /// One change, on both.
    void change(ext4::TreeWriter& writer);
    /// Compares everything. \return what differs first, empty when nothing does
    [[nodiscard]] std::string difference(const ext4::FileSystem& file_system) const;
    /// Likewise what a writer says before it has finished: names, types, links, targets.
    [[nodiscard]] std::string difference(ext4::TreeWriter& writer) const;

private:
    struct Place {
        std::shared_ptr<ModelFile> directory;
        ext4::InodeNumber number;
    };

    [[nodiscard]] Place random_directory(ext4::TreeWriter& writer);
    [[nodiscard]] std::string random_name();
    [[nodiscard]] ext4::Attributes random_attributes();
    [[nodiscard]] ext4::NewInode random_inode();
    void create(ext4::TreeWriter& writer, const Place& place);
    void set_content(ext4::TreeWriter& writer, ModelFile& file, ext4::InodeNumber number);
    void set_xattrs(ext4::TreeWriter& writer, ModelFile& file, ext4::InodeNumber number);
    void change_entry(ext4::TreeWriter& writer, const Place& place, const std::string& name);
    void link(ext4::TreeWriter& writer, const Place& place);

    Random random_;
    std::shared_ptr<ModelFile> root_;
};

} // namespace thinsnap::test
