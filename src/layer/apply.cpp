#include "layer/apply.hpp"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "layer/file_metadata.hpp"
#include "layer/names.hpp"
#include "layer/path_resolver.hpp"
#include "layer/upper_names.hpp"
#include "tar/reader.hpp"

namespace thinsnap::layer {

namespace {

using ext4::FileType;
using ext4::InodeNumber;
using Names = std::vector<std::string_view>;

/// 2^32 blocks less one. Source: Linux fs/ext4/super.c, ext4_max_size()
constexpr std::uint64_t kMaxFileSize = (std::uint64_t{1} << 44U) - ext4::kBlockSize;

[[noreturn]] void refuse(std::string message) {
    throw Error(Errc::corrupt, std::move(message));
}

FileType file_type(tar::Type type) {
    switch (type) {
    case tar::Type::directory:
        return FileType::directory;
    case tar::Type::symlink:
        return FileType::symlink;
    case tar::Type::character_device:
        return FileType::character_device;
    case tar::Type::block_device:
        return FileType::block_device;
    case tar::Type::fifo:
        return FileType::fifo;
    case tar::Type::regular:
    case tar::Type::hard_link:
        break;
    }
    return FileType::regular;
}

std::span<const std::string_view> all_but_last(const Names& names) {
    return std::span(names).first(names.size() - 1);
}

class Applier {
public:
    Applier(ByteSource& tar, Tree& tree, const ApplyOptions& options)
        : reader_(tar)
        , tree_(tree)
        , resolver_(tree)
        , options_(options) {}

    ApplyStatistics run();

private:
    /// A name in a directory that is there.
    struct Place {
        InodeNumber directory;
        std::string_view name;
    };

    void apply_entry(const tar::Entry& entry);
    void apply_root(const tar::Entry& entry);
    void apply_directory(const tar::Entry& entry, Place place);
    void apply_file(const tar::Entry& entry, Place place);
    void apply_hard_link(const tar::Entry& entry, Place place);
    void apply_whiteout(const Names& names, const Whiteout& whiteout);

    [[nodiscard]] Place make_place(const tar::Entry& entry, const Names& names);
    [[nodiscard]] InodeNumber make_directories(const ResolvedDirectory& place);
    [[nodiscard]] TreeEntry find_target(const Names& names, std::string_view target);
    void write_content(const tar::Entry& entry, InodeNumber file);
    void set_metadata(InodeNumber directory, FileMetadata metadata);
    void remove(Place place);
    void hide(Place place);
    void hide_lower_in(InodeNumber top);

    [[nodiscard]] OverlayMarks marks() const {
        return options_.overlay_whiteouts ? OverlayMarks::interpret : OverlayMarks::keep;
    }
    void count_entry();
    void count_content(std::uint64_t bytes);
    void report();

    tar::Reader reader_;
    Tree& tree_;
    PathResolver resolver_;
    const ApplyOptions& options_;
    UpperNames upper_;
    ApplyStatistics statistics_;

    /// Where the last entry went, as most have their directory in common with the one before: the
    /// front of its name, and the directory. Void when anything was removed.
    std::string last_front_;
    std::optional<InodeNumber> last_directory_;
};

ApplyStatistics Applier::run() {
    while (const tar::Entry* entry = reader_.next()) {
        try {
            count_entry();
            apply_entry(*entry);
            report();
        } catch (Error& error) {
            error.add_context(fmt::format(
                "entry {} at byte {} of the tar", in_quotes(entry->name), entry->offset));
            throw;
        }
    }
    reader_.drain();
    report();
    return statistics_;
}

void Applier::apply_entry(const tar::Entry& entry) {
    const Names names = split_tar_name(entry.name);
    if (names.empty())
        return apply_root(entry);
    if (const auto whiteout = find_whiteout(names))
        return apply_whiteout(names, *whiteout);
    if (options_.overlay_whiteouts && entry.type == tar::Type::character_device &&
        entry.device == ext4::DeviceNumber{})
        return apply_whiteout(names, {Whiteout::Kind::name, names.back()});
    const Place place = make_place(entry, names);
    switch (entry.type) {
    case tar::Type::directory:
        apply_directory(entry, place);
        break;
    case tar::Type::hard_link:
        apply_hard_link(entry, place);
        break;
    default:
        apply_file(entry, place);
    }
    upper_.add(place.directory, place.name);
}

void Applier::apply_root(const tar::Entry& entry) {
    if (entry.type != tar::Type::directory)
        refuse("the root is to be something else than a directory");
    set_metadata(tree_.root(), metadata_of(entry, marks()));
}

void Applier::apply_directory(const tar::Entry& entry, Place place) {
    FileMetadata metadata = metadata_of(entry, marks());
    const auto old = tree_.find(place.directory, place.name);
    if (old && old->type == FileType::directory)
        return set_metadata(old->inode, std::move(metadata));
    if (old)
        remove(place);
    const InodeNumber made = tree_.create(
        place.directory, place.name, {FileType::directory, metadata.attributes, {}, {}});
    upper_.add_made(made);
    if (!metadata.xattrs.empty())
        tree_.set_xattrs(made, std::move(metadata.xattrs));
    statistics_.attributes_left_out += metadata.left_out;
}

void Applier::apply_file(const tar::Entry& entry, Place place) {
    FileMetadata metadata = metadata_of(entry, marks());
    if (tree_.find(place.directory, place.name))
        remove(place);
    NewFile file{file_type(entry.type), metadata.attributes, {}, {}};
    if (entry.type == tar::Type::symlink)
        file.link_target = entry.link_target;
    if (entry.type == tar::Type::character_device || entry.type == tar::Type::block_device)
        file.device = entry.device;
    if (file.link_target.size() > kMaxPath)
        refuse(
            fmt::format("a symlink to {} bytes, more than {}", file.link_target.size(), kMaxPath));
    const InodeNumber made = tree_.create(place.directory, place.name, file);
    if (entry.type == tar::Type::regular && entry.size > 0)
        write_content(entry, made);
    if (!metadata.xattrs.empty())
        tree_.set_xattrs(made, std::move(metadata.xattrs));
    statistics_.attributes_left_out += metadata.left_out;
}

void Applier::write_content(const tar::Entry& entry, InodeNumber file) {
    if (entry.size > kMaxFileSize)
        refuse(fmt::format("{} bytes are more than ext4 can hold ({})", entry.size, kMaxFileSize));
    const auto content = tree_.open_content(file);
    while (const auto piece = reader_.next_piece()) {
        count_content(piece->bytes.size());
        content->write(piece->offset, piece->bytes);
        report();
    }
    content->close(entry.size);
}

void Applier::apply_hard_link(const tar::Entry& entry, Place place) {
    const Names names = split_tar_name(entry.link_target);
    if (const auto old = tree_.find(place.directory, place.name)) {
        // Before anything is removed: it may be the target itself.
        if (old->type != FileType::directory &&
            find_target(names, entry.link_target).inode == old->inode)
            return;
        remove(place);
    }
    tree_.link(place.directory, place.name, find_target(names, entry.link_target).inode);
}

TreeEntry Applier::find_target(const Names& names, std::string_view target) {
    if (names.empty())
        refuse("a hard link to the root");
    const ResolvedDirectory where = resolver_.resolve(all_but_last(names));
    if (where.is_there()) {
        const InodeNumber directory =
            where.steps.empty() ? tree_.root() : where.steps.back().inode.value();
        if (const auto entry = tree_.find(directory, names.back())) {
            if (entry->type == FileType::directory)
                refuse(fmt::format("a hard link to the directory {}", in_quotes(target)));
            return *entry;
        }
    }
    refuse(fmt::format("a hard link to {}, which is not there", in_quotes(target)));
}

void Applier::apply_whiteout(const Names& names, const Whiteout& whiteout) {
    ++statistics_.whiteouts;
    if (whiteout.kind == Whiteout::Kind::ignored)
        return;
    const ResolvedDirectory where = resolver_.resolve(all_but_last(names));
    if (!where.is_there())
        return;
    const InodeNumber directory =
        where.steps.empty() ? tree_.root() : where.steps.back().inode.value();
    if (whiteout.kind == Whiteout::Kind::opaque)
        hide_lower_in(directory);
    else
        hide({directory, whiteout.name});
}

Applier::Place Applier::make_place(const tar::Entry& entry, const Names& names) {
    const auto front_length = static_cast<std::size_t>(names.back().data() - entry.name.data());
    const std::string_view front = std::string_view(entry.name).substr(0, front_length);
    if (!last_directory_ || front != last_front_) {
        last_directory_ = make_directories(resolver_.resolve(all_but_last(names)));
        last_front_ = front;
    }
    return {*last_directory_, names.back()};
}

InodeNumber Applier::make_directories(const ResolvedDirectory& place) {
    if (place.obstacle)
        refuse(fmt::format("{} on the way is no directory", in_quotes(*place.obstacle)));
    InodeNumber directory = tree_.root();
    for (const ResolvedDirectory::Step& step : place.steps) {
        upper_.add(directory, step.name);
        if (step.inode) {
            directory = *step.inode;
        } else {
            directory =
                tree_.create(directory, step.name, {FileType::directory, {0755, 0, 0, {}}, {}, {}});
            upper_.add_made(directory);
        }
    }
    return directory;
}

void Applier::set_metadata(InodeNumber directory, FileMetadata metadata) {
    tree_.set_attributes(directory, metadata.attributes);
    tree_.set_xattrs(directory, std::move(metadata.xattrs));
    statistics_.attributes_left_out += metadata.left_out;
    if (metadata.opaque)
        hide_lower_in(directory);
}

void Applier::remove(Place place) {
    tree_.remove(place.directory, place.name);
    last_directory_.reset();
}

void Applier::hide(Place place) {
    const auto entry = tree_.find(place.directory, place.name);
    if (!entry)
        return;
    if (!upper_.contains(place.directory, place.name))
        remove(place);
    else if (entry->type == FileType::directory)
        hide_lower_in(entry->inode);
}

/// Removes what the layer has not brought. Not by recursion: depth is the tar's to choose.
void Applier::hide_lower_in(InodeNumber top) {
    std::vector<InodeNumber> directories{top};
    while (!directories.empty()) {
        const InodeNumber directory = directories.back();
        directories.pop_back();
        if (upper_.is_made(directory))
            continue;
        std::vector<std::string> lower;
        tree_.for_each_entry(directory, [&](std::string_view name, const TreeEntry& entry) {
            if (!upper_.contains(directory, name))
                lower.emplace_back(name);
            else if (entry.type == FileType::directory)
                directories.push_back(entry.inode);
        });
        for (const std::string& name : lower)
            remove({directory, name});
    }
}

void Applier::count_entry() {
    if (++statistics_.entries > options_.max_entries)
        refuse(fmt::format("more than {} entries", options_.max_entries));
}

void Applier::count_content(std::uint64_t bytes) {
    statistics_.content_bytes += bytes;
    if (statistics_.content_bytes > options_.max_content_bytes)
        refuse(fmt::format("more than {} bytes of content", options_.max_content_bytes));
}

void Applier::report() {
    statistics_.tar_bytes = reader_.position();
    if (options_.on_progress)
        options_.on_progress(statistics_);
}

} // namespace

ApplyStatistics apply_tar(ByteSource& tar, Tree& tree, const ApplyOptions& options) {
    return Applier(tar, tree, options).run();
}

} // namespace thinsnap::layer
