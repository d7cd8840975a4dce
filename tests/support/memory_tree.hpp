#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layer/tree.hpp"

namespace thinsnap::test {

/// A tree of files in memory: the model of what a layer's tar means.
///
/// Misuse (a name that is taken, a link to a directory) aborts: the caller must not get there.
class MemoryTree final : public layer::Tree {
public:
    struct File {
        ext4::FileType type = ext4::FileType::directory;
        ext4::Attributes attributes;
        std::string link_target;
        std::optional<ext4::DeviceNumber> device;
        std::vector<ext4::Xattr> xattrs;
        std::uint64_t size = 0;
        std::map<std::uint64_t, std::string> data;                     ///< by offset, as written
        std::map<std::string, ext4::InodeNumber, std::less<>> entries; ///< of a directory
        unsigned links = 1;

        /// The whole content; holes are zeros.
        [[nodiscard]] std::string content() const;
    };

    MemoryTree();
    MemoryTree(const MemoryTree& other);
    MemoryTree& operator=(const MemoryTree& other);
    MemoryTree(MemoryTree&&) = delete;
    MemoryTree& operator=(MemoryTree&&) = delete;
    ~MemoryTree() override = default;

    [[nodiscard]] ext4::InodeNumber root() const override { return ext4::kRootInode; }
    [[nodiscard]] std::optional<layer::TreeEntry> find(ext4::InodeNumber directory,
                                                       std::string_view name) override;
    void for_each_entry(
        ext4::InodeNumber directory,
        const std::function<void(std::string_view name, const layer::TreeEntry&)>& visit) override;
    [[nodiscard]] std::string link_target(ext4::InodeNumber symlink) override;
    ext4::InodeNumber create(ext4::InodeNumber directory,
                             std::string_view name,
                             const layer::NewFile& new_file) override;
    void
    link(ext4::InodeNumber directory, std::string_view name, ext4::InodeNumber number) override;
    void remove(ext4::InodeNumber directory, std::string_view name) override;
    void set_attributes(ext4::InodeNumber number, const ext4::Attributes& attributes) override;
    void set_xattrs(ext4::InodeNumber number, std::vector<ext4::Xattr> xattrs) override;
    [[nodiscard]] std::unique_ptr<layer::TreeContent>
    open_content(ext4::InodeNumber number) override;

    /// The n-th change from now on fails for want of space (1: the next); 0: none does.
    void fail_at(std::uint64_t change) { fail_at_ = change; }

    /// What is at a path, "a/b", without following symlinks; null where nothing is.
    [[nodiscard]] const File* at(std::string_view path) const;
    /// Every path, sorted: "a", "a/b".
    [[nodiscard]] std::vector<std::string> paths() const;
    /// All there is to say about every path, a line each; paths of one file are told from two
    /// files that look alike.
    [[nodiscard]] std::string listing() const;
    /// How many files have no name any more and are still there: 0 unless something leaks.
    [[nodiscard]] std::size_t nameless() const;

private:
    class Content;

    [[nodiscard]] File& file(ext4::InodeNumber number);
    [[nodiscard]] const File& file(ext4::InodeNumber number) const;
    void drop(ext4::InodeNumber number);
    void change();

    std::map<ext4::InodeNumber, File> files_;
    std::vector<ext4::InodeNumber> free_; ///< numbers to be used again, as a file system does
    std::uint64_t fail_at_ = 0;
};

} // namespace thinsnap::test
