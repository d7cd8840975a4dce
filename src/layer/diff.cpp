#include "layer/diff.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "layer/file_compare.hpp"

namespace thinsnap::layer {

namespace {

using ext4::Entry;
using ext4::FileSystem;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;

/// The inodes that are not the same in both file systems.
class ChangedInodes {
public:
    void add(InodeNumber number, std::uint64_t names) {
        if (numbers_.insert(number).second)
            names_ += names;
    }
    [[nodiscard]] bool contains(InodeNumber number) const { return numbers_.count(number) != 0; }
    /// The names that all of them have in the upper file system.
    [[nodiscard]] std::uint64_t names() const { return names_; }

private:
    std::unordered_set<InodeNumber> numbers_;
    std::uint64_t names_ = 0;
};

std::uint64_t names_of(const InodeInfo& info) {
    if (info.number == ext4::kRootInode)
        return 0;
    return info.type == FileType::directory ? 1 : info.links;
}

bool is_file(InodeNumber number) {
    return number == ext4::kRootInode || number >= ext4::kFirstFileInode;
}

ChangedInodes find_changed_inodes(const FileSystem& lower,
                                  const FileSystem& upper,
                                  std::span<const ByteRange> changed,
                                  const FileCompare& compare) {
    struct Sides {
        std::optional<InodeInfo> lower;
        std::optional<InodeInfo> upper;
    };
    std::unordered_map<InodeNumber, Sides> touched;
    for (const ByteRange& range : changed) {
        lower.for_each_inode_in(range.offset, range.length, [&](const InodeInfo& info) {
            if (is_file(info.number))
                touched[info.number].lower = info;
        });
        upper.for_each_inode_in(range.offset, range.length, [&](const InodeInfo& info) {
            if (is_file(info.number))
                touched[info.number].upper = info;
        });
    }
    ChangedInodes inodes;
    for (const auto& [number, sides] : touched)
        if (!sides.lower || !sides.upper || !compare.same_inode(*sides.lower, *sides.upper))
            inodes.add(number, sides.upper ? names_of(*sides.upper) : 0);
    return inodes;
}

/// Walks both trees at once, from the root, as far as a changed inode can still be below.
class Walk {
public:
    Walk(const FileSystem& lower,
         const FileSystem& upper,
         const FileCompare& compare,
         const ChangedInodes& inodes,
         const DiffOptions& options)
        : lower_(lower)
        , upper_(upper)
        , compare_(compare)
        , inodes_(inodes)
        , options_(options)
        , names_to_find_(inodes.names()) {}

    void run();
    [[nodiscard]] std::vector<Change> changes();

    /// Files with several names of which one is new, and the file itself is not: another walk must
    /// look for their other names from the beginning.
    [[nodiscard]] const std::vector<InodeInfo>& linked_anew() const { return linked_anew_; }

private:
    struct Directory {
        std::size_t parent = 0;
        std::string path; ///< "" for the root
        std::optional<InodeNumber> lower;
        InodeNumber upper;
        std::optional<ChangeKind> kind;
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    void visit(std::size_t index);
    void visit_same(std::size_t index);
    void visit_added(std::size_t index);
    void visit_both(std::size_t index);
    void compare_entries(std::size_t index, const Entry& lower, const Entry& upper);
    void compare_files(std::size_t index,
                       const std::string& name,
                       const InodeInfo& lower,
                       const InodeInfo& upper);
    void add_entry(std::size_t index, const Entry& entry);
    std::size_t push(std::size_t parent,
                     const std::string& name,
                     std::optional<InodeNumber> lower,
                     InodeNumber upper);
    void found(ChangeKind kind, std::size_t index, const std::string& name, const InodeInfo& info);
    /// Sets the kind of a directory and of those above it, unless they have a stronger one.
    void raise(std::size_t index, ChangeKind kind);
    void count_name(InodeNumber number);

    const FileSystem& lower_;
    const FileSystem& upper_;
    const FileCompare& compare_;
    const ChangedInodes& inodes_;
    const DiffOptions& options_;
    std::uint64_t names_to_find_;

    std::vector<Directory> directories_;
    std::vector<std::size_t> to_visit_;
    std::unordered_set<InodeNumber> seen_;
    std::vector<std::pair<std::size_t, Change>> found_; ///< with the directory
    std::vector<InodeInfo> linked_anew_;
};

void Walk::run() {
    const InodeNumber root = upper_.root();
    push(0, {}, lower_.root(), root);
    if (inodes_.contains(root) && !compare_.same_attributes(lower_.inode(root), upper_.inode(root)))
        directories_[0].kind = ChangeKind::included;
    while (!to_visit_.empty()) {
        if (options_.check_cancelled)
            options_.check_cancelled();
        const std::size_t index = to_visit_.back();
        to_visit_.pop_back();
        visit(index);
    }
}

void Walk::visit(std::size_t index) {
    const auto lower = directories_[index].lower;
    const InodeNumber upper = directories_[index].upper;
    if (!lower)
        visit_added(index);
    else if (*lower != upper || inodes_.contains(upper))
        visit_both(index);
    else if (names_to_find_ > 0)
        visit_same(index);
}

void Walk::visit_same(std::size_t index) {
    upper_.for_each_entry(directories_[index].upper, [&](const Entry& entry) {
        count_name(entry.inode);
        if (entry.type == FileType::directory || inodes_.contains(entry.inode))
            compare_entries(index, entry, entry);
    });
}

void Walk::visit_added(std::size_t index) {
    upper_.for_each_entry(directories_[index].upper, [&](const Entry& entry) {
        count_name(entry.inode);
        add_entry(index, entry);
    });
}

void Walk::visit_both(std::size_t index) {
    Entries gone;
    lower_.for_each_entry(directories_[index].lower.value(),
                          [&](const Entry& entry) { gone.emplace(entry.name, entry); });
    upper_.for_each_entry(directories_[index].upper, [&](const Entry& entry) {
        count_name(entry.inode);
        const auto before = gone.find(entry.name);
        if (before == gone.end())
            return add_entry(index, entry);
        compare_entries(index, before->second, entry);
        gone.erase(before);
    });
    for (const auto& [name, entry] : gone)
        found(ChangeKind::deleted, index, name, lower_.inode(entry.inode));
}

void Walk::compare_entries(std::size_t index, const Entry& lower, const Entry& upper) {
    const bool same = lower.inode == upper.inode && !inodes_.contains(upper.inode);
    if (same) {
        if (upper.type == FileType::directory)
            push(index, upper.name, lower.inode, upper.inode);
        return;
    }
    const InodeInfo before = lower_.inode(lower.inode);
    const InodeInfo now = upper_.inode(upper.inode);
    if (now.type != FileType::directory)
        return compare_files(index, upper.name, before, now);
    const bool was_directory = before.type == FileType::directory;
    const std::size_t pushed = push(
        index, upper.name, was_directory ? std::optional(before.number) : std::nullopt, now.number);
    if (!was_directory || !compare_.same_attributes(before, now))
        raise(pushed, ChangeKind::modified);
}

void Walk::compare_files(std::size_t index,
                         const std::string& name,
                         const InodeInfo& lower,
                         const InodeInfo& upper) {
    const bool linked = upper.links > 1 || (lower.links > 1 && lower.type != FileType::directory);
    if ((linked && lower.number != upper.number) || !compare_.same_file(lower, upper))
        found(ChangeKind::modified, index, name, upper);
    else if (upper.links > 1)
        found(ChangeKind::included, index, name, upper);
}

void Walk::add_entry(std::size_t index, const Entry& entry) {
    const InodeInfo info = upper_.inode(entry.inode);
    if (info.type == FileType::directory)
        return raise(push(index, entry.name, std::nullopt, info.number), ChangeKind::added);
    found(ChangeKind::added, index, entry.name, info);
}

void Walk::found(ChangeKind kind,
                 std::size_t index,
                 const std::string& name,
                 const InodeInfo& info) {
    found_.emplace_back(
        index, Change{kind, directories_[index].path + "/" + name, info.number, info.type});
    const bool changed = kind == ChangeKind::added || kind == ChangeKind::modified;
    if (changed && info.links > 1 && !inodes_.contains(info.number))
        linked_anew_.push_back(info);
}

std::size_t Walk::push(std::size_t parent,
                       const std::string& name,
                       std::optional<InodeNumber> lower,
                       InodeNumber upper) {
    if (!seen_.insert(upper).second)
        throw Error(Errc::corrupt,
                    fmt::format("directory inode {} has more than one name", upper.value()));
    std::string path =
        directories_.empty() ? std::string() : directories_[parent].path + "/" + name;
    directories_.push_back({parent, std::move(path), lower, upper, std::nullopt});
    to_visit_.push_back(directories_.size() - 1);
    return directories_.size() - 1;
}

void Walk::raise(std::size_t index, ChangeKind kind) {
    for (; index != 0; index = directories_[index].parent) {
        auto& has = directories_[index].kind;
        if (has && (*has != ChangeKind::included || kind == ChangeKind::included))
            return;
        has = kind;
        if (kind == ChangeKind::added)
            kind = ChangeKind::modified;
    }
}

void Walk::count_name(InodeNumber number) {
    if (inodes_.contains(number) && names_to_find_ > 0)
        --names_to_find_;
}

/// '/' sorts before all else, so that what is in a directory follows it.
bool path_before(const Change& a, const Change& b) {
    const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
    return std::lexicographical_compare(
        a.path.begin(), a.path.end(), b.path.begin(), b.path.end(), [&](char x, char y) {
            return rank(x) < rank(y);
        });
}

std::vector<Change> Walk::changes() {
    std::unordered_set<InodeNumber> changed;
    for (const auto& [index, change] : found_)
        if (change.kind == ChangeKind::added || change.kind == ChangeKind::modified)
            changed.insert(change.inode);
    std::vector<Change> all;
    for (auto& [index, change] : found_) {
        if (change.kind == ChangeKind::included && changed.count(change.inode) == 0)
            continue;
        raise(index,
              change.kind == ChangeKind::included ? ChangeKind::included : ChangeKind::modified);
        all.push_back(std::move(change));
    }
    for (const Directory& directory : directories_)
        if (directory.kind)
            all.push_back({*directory.kind,
                           directory.path.empty() ? "/" : directory.path,
                           directory.upper,
                           FileType::directory});
    std::sort(all.begin(), all.end(), path_before);
    return all;
}

} // namespace

char change_letter(ChangeKind kind) {
    switch (kind) {
    case ChangeKind::added:
        return 'A';
    case ChangeKind::modified:
        return 'C';
    case ChangeKind::deleted:
        return 'D';
    case ChangeKind::included:
        break;
    }
    return ' ';
}

std::vector<Change> find_changes(const FileSystem& lower,
                                 const FileSystem& upper,
                                 std::span<const ByteRange> changed,
                                 const DiffOptions& options) {
    const std::vector<ByteRange> ranges = changed_with_replays(lower, upper, changed);
    const FileCompare compare(lower, upper, ranges, options.check_cancelled);
    ChangedInodes inodes = find_changed_inodes(lower, upper, ranges, compare);
    for (;;) {
        Walk walk(lower, upper, compare, inodes, options);
        walk.run();
        if (walk.linked_anew().empty())
            return walk.changes();
        for (const InodeInfo& info : walk.linked_anew())
            inodes.add(info.number, names_of(info));
    }
}

} // namespace thinsnap::layer
