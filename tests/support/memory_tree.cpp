#include "support/memory_tree.hpp"

#include <algorithm>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

#include "support/listing.hpp"

namespace thinsnap::test {

using ext4::FileType;
using ext4::InodeNumber;

class MemoryTree::Content final : public layer::TreeContent {
public:
    Content(MemoryTree& tree, InodeNumber number)
        : tree_(tree)
        , number_(number) {}

    void write(std::uint64_t offset, std::span<const std::byte> bytes) override {
        tree_.change();
        File& file = tree_.file(number_);
        TS_ASSERT(offset >= end_);
        end_ = offset + bytes.size();
        std::string& piece = file.data[offset];
        for (const std::byte b : bytes)
            piece += static_cast<char>(b);
    }

    void close(std::uint64_t size) override {
        tree_.change();
        TS_ASSERT(size >= end_);
        tree_.file(number_).size = size;
    }

private:
    MemoryTree& tree_;
    InodeNumber number_;
    std::uint64_t end_ = 0;
};

std::string MemoryTree::File::content() const {
    std::string all(size, '\0');
    for (const auto& [offset, bytes] : data)
        all.replace(offset, bytes.size(), bytes);
    return all;
}

MemoryTree::MemoryTree() {
    files_[root()].attributes = {0755, 0, 0, {1, 0}}; // as ext4::format() leaves it
}

MemoryTree::MemoryTree(const MemoryTree& other)
    : files_(other.files_)
    , free_(other.free_)
    , fail_at_(other.fail_at_) {}

MemoryTree& MemoryTree::operator=(const MemoryTree& other) {
    files_ = other.files_;
    free_ = other.free_;
    fail_at_ = other.fail_at_;
    return *this;
}

MemoryTree::File& MemoryTree::file(InodeNumber number) {
    const auto found = files_.find(number);
    TS_ASSERT(found != files_.end());
    return found->second;
}

const MemoryTree::File& MemoryTree::file(InodeNumber number) const {
    const auto found = files_.find(number);
    TS_ASSERT(found != files_.end());
    return found->second;
}

void MemoryTree::change() {
    if (fail_at_ != 0 && --fail_at_ == 0)
        throw Error(Errc::no_space, "the tree in memory is full");
}

std::optional<layer::TreeEntry> MemoryTree::find(InodeNumber directory, std::string_view name) {
    const File& in = file(directory);
    TS_ASSERT(in.type == FileType::directory);
    const auto entry = in.entries.find(name);
    if (entry == in.entries.end())
        return std::nullopt;
    return layer::TreeEntry{entry->second, file(entry->second).type};
}

void MemoryTree::for_each_entry(
    InodeNumber directory,
    const std::function<void(std::string_view name, const layer::TreeEntry&)>& visit) {
    for (const auto& [name, number] : file(directory).entries)
        visit(name, {number, file(number).type});
}

std::string MemoryTree::link_target(InodeNumber symlink) {
    TS_ASSERT(file(symlink).type == FileType::symlink);
    return file(symlink).link_target;
}

InodeNumber
MemoryTree::create(InodeNumber directory, std::string_view name, const layer::NewFile& new_file) {
    change();
    TS_ASSERT(!name.empty() && name.size() <= 255 && name != "." && name != "..");
    TS_ASSERT(name.find('/') == std::string_view::npos &&
              name.find('\0') == std::string_view::npos);
    TS_ASSERT(!find(directory, name));
    InodeNumber number{static_cast<std::uint32_t>(files_.size() + 11)};
    if (!free_.empty()) {
        number = free_.back();
        free_.pop_back();
    }
    File& made = files_[number];
    made.type = new_file.type;
    made.attributes = new_file.attributes;
    made.link_target = new_file.link_target;
    made.device = new_file.device;
    file(directory).entries.emplace(name, number);
    return number;
}

void MemoryTree::link(InodeNumber directory, std::string_view name, InodeNumber number) {
    change();
    TS_ASSERT(!find(directory, name) && file(number).type != FileType::directory);
    ++file(number).links;
    file(directory).entries.emplace(name, number);
}

void MemoryTree::remove(InodeNumber directory, std::string_view name) {
    change();
    auto& entries = file(directory).entries;
    const auto entry = entries.find(name);
    TS_ASSERT(entry != entries.end());
    std::vector<InodeNumber> gone{entry->second};
    entries.erase(entry);
    while (!gone.empty()) {
        const InodeNumber number = gone.back();
        gone.pop_back();
        for (const auto& [child, child_number] : file(number).entries)
            gone.push_back(child_number);
        drop(number);
    }
}

void MemoryTree::drop(InodeNumber number) {
    if (--file(number).links > 0)
        return;
    files_.erase(number);
    free_.push_back(number);
}

void MemoryTree::set_attributes(InodeNumber number, const ext4::Attributes& attributes) {
    change();
    file(number).attributes = attributes;
}

void MemoryTree::set_xattrs(InodeNumber number, std::vector<ext4::Xattr> xattrs) {
    change();
    file(number).xattrs = std::move(xattrs);
}

std::unique_ptr<layer::TreeContent> MemoryTree::open_content(InodeNumber number) {
    TS_ASSERT(file(number).type == FileType::regular);
    return std::make_unique<Content>(*this, number);
}

const MemoryTree::File* MemoryTree::at(std::string_view path) const {
    const File* here = &file(root());
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const auto entry = here->entries.find(path.substr(0, slash));
        if (entry == here->entries.end())
            return nullptr;
        here = &file(entry->second);
        path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    }
    return here;
}

std::vector<std::string> MemoryTree::paths() const {
    std::vector<std::string> all;
    std::vector<std::pair<std::string, InodeNumber>> directories{{"", root()}};
    while (!directories.empty()) {
        const auto [prefix, number] = directories.back();
        directories.pop_back();
        for (const auto& [name, child] : file(number).entries) {
            all.push_back(prefix + name);
            if (file(child).type == FileType::directory)
                directories.emplace_back(prefix + name + "/", child);
        }
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::string MemoryTree::listing() const {
    Listing listing;
    auto all = paths();
    all.insert(all.begin(), "");
    std::map<const File*, std::uint64_t> identities;
    for (const std::string& path : all) {
        const File& file = *at(path);
        ListedFile listed;
        listed.type = file.type;
        listed.attributes = file.attributes;
        listed.size = file.type == FileType::regular ? file.size : 0;
        listed.link_target = file.link_target;
        listed.device = file.device;
        listed.xattrs = file.xattrs;
        if (file.type == FileType::regular && file.size <= Listing::kMaxContent)
            listed.content = file.content();
        listed.identity = identities.emplace(&file, identities.size()).first->second;
        listing.add(path, listed);
    }
    return listing.text();
}

std::size_t MemoryTree::nameless() const {
    std::size_t named = 1;
    std::map<const File*, bool> seen;
    for (const std::string& path : paths())
        named += seen.emplace(at(path), true).second ? 1U : 0U;
    return files_.size() - named;
}

} // namespace thinsnap::test
