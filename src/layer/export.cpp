#include "layer/export.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "layer/names.hpp"
#include "tar/writer.hpp"

namespace thinsnap::layer {

namespace {

using ext4::FileSystem;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;

constexpr std::size_t kPiece = std::size_t{1} << 20U;
/// A hole of less is written as zeros: a map costs a block, and readers without one exist.
constexpr std::uint64_t kSmallestHole = 4096;
/// Stands in the entry of each name of a file, as Docker has it: Docker and containerd set the
/// owner once more for each name, by which the kernel takes the capabilities away.
constexpr std::string_view kCapability = "security.capability";

tar::Type tar_type(FileType type) {
    switch (type) {
    case FileType::directory:
        return tar::Type::directory;
    case FileType::symlink:
        return tar::Type::symlink;
    case FileType::character_device:
        return tar::Type::character_device;
    case FileType::block_device:
        return tar::Type::block_device;
    case FileType::fifo:
        return tar::Type::fifo;
    case FileType::regular:
    case FileType::socket:
        break;
    }
    return tar::Type::regular;
}

/// Where the file's data is. A hole at its end is marked by an empty range: GNU tar sets the size
/// by it.
tar::SparseMap data_ranges(const FileSystem& fs, const InodeInfo& info) {
    tar::SparseMap map;
    fs.for_each_extent(info.number, [&](const ext4::FileExtent& extent) {
        if (extent.unwritten || extent.logical >= info.size)
            return;
        const std::uint64_t length = std::min(extent.length, info.size - extent.logical);
        if (!map.empty() && map.back().offset + map.back().length == extent.logical)
            map.back().length += length;
        else
            map.push_back({extent.logical, length});
    });
    if (map.empty() || map.back().offset + map.back().length < info.size)
        map.push_back({info.size, 0});
    return map;
}

class Exporter {
public:
    Exporter(const FileSystem& upper, ByteSink& sink, const ExportOptions& options)
        : upper_(upper)
        , writer_(sink)
        , options_(options)
        , buffer_(kPiece) {}

    ExportStatistics run(std::span<const Change> changes);

private:
    void write_change(const Change& change);
    void write_whiteout(std::string_view path);
    void leave_out_socket(std::string_view path, ChangeKind kind);
    void write_file(std::string_view path, const InodeInfo& info);
    void write_content(const tar::Entry& entry, const InodeInfo& info);
    void write_range(InodeNumber number, tar::DataRange range);
    void report();

    const FileSystem& upper_;
    tar::Writer writer_;
    const ExportOptions& options_;
    std::vector<std::byte> buffer_;
    std::unordered_map<InodeNumber, std::string> first_names_; ///< of files with several
    ExportStatistics statistics_;
};

ExportStatistics Exporter::run(std::span<const Change> changes) {
    for (const Change& change : changes) {
        try {
            write_change(change);
        } catch (Error& error) {
            error.add_context(fmt::format("exporting {}", in_quotes(change.path)));
            throw;
        }
        report();
    }
    writer_.finish();
    return statistics_;
}

void Exporter::write_change(const Change& change) {
    const std::string_view path = std::string_view(change.path).substr(1);
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (name.substr(0, kWhiteoutPrefix.size()) == kWhiteoutPrefix)
        throw Error(Errc::unsupported, "a name that a layer cannot hold: it means a whiteout");
    if (path.size() > kMaxPath)
        throw Error(Errc::unsupported,
                    fmt::format("a path of {} bytes, more than {}", path.size(), kMaxPath));
    if (change.kind == ChangeKind::deleted)
        return write_whiteout(path);
    const InodeInfo info = upper_.inode(change.inode);
    if (info.type == FileType::socket)
        leave_out_socket(path, change.kind);
    else
        write_file(path, info);
}

void Exporter::leave_out_socket(std::string_view path, ChangeKind kind) {
    ++statistics_.sockets_left_out;
    if (kind == ChangeKind::modified)
        write_whiteout(path);
}

void Exporter::write_whiteout(std::string_view path) {
    const std::size_t name = path.rfind('/') + 1;
    tar::Entry entry;
    entry.name = fmt::format("{}{}{}", path.substr(0, name), kWhiteoutPrefix, path.substr(name));
    writer_.begin(entry);
    ++statistics_.entries;
    ++statistics_.whiteouts;
}

void Exporter::write_file(std::string_view path, const InodeInfo& info) {
    tar::Entry entry;
    entry.name = path;
    entry.type = tar_type(info.type);
    entry.attributes = info.attributes;
    entry.device = info.device.value_or(ext4::DeviceNumber{});
    if (info.type == FileType::directory)
        entry.name += path.empty() ? "./" : "/";
    if (info.type != FileType::directory && info.links > 1) {
        const auto [first, is_first] = first_names_.emplace(info.number, path);
        if (!is_first) {
            entry.type = tar::Type::hard_link;
            entry.link_target = first->second;
        }
    }
    if (entry.type == tar::Type::symlink)
        entry.link_target = upper_.link_target(info.number);
    if (info.has_xattrs)
        entry.xattrs = upper_.xattrs(info.number);
    if (entry.type == tar::Type::hard_link)
        std::erase_if(entry.xattrs, [](const Xattr& x) { return x.name != kCapability; });
    if (entry.type == tar::Type::regular) {
        entry.size = info.size;
        write_content(entry, info);
    } else {
        writer_.begin(entry);
    }
    ++statistics_.entries;
}

void Exporter::write_content(const tar::Entry& entry, const InodeInfo& info) {
    const tar::SparseMap map = data_ranges(upper_, info);
    if (info.size - bytes_in(map) < kSmallestHole) {
        writer_.begin(entry);
        return write_range(info.number, {0, info.size});
    }
    writer_.begin(entry, &map);
    for (const tar::DataRange& range : map)
        write_range(info.number, range);
}

void Exporter::write_range(InodeNumber number, tar::DataRange range) {
    while (range.length > 0) {
        const auto piece = std::span(buffer_).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), range.length)));
        if (upper_.read(number, range.offset, piece) != piece.size())
            throw Error(Errc::corrupt,
                        fmt::format("inode {} ends at less than its size", number.value()));
        writer_.write(piece);
        range = {range.offset + piece.size(), range.length - piece.size()};
        statistics_.content_bytes += piece.size();
        report();
    }
}

void Exporter::report() {
    if (options_.on_progress)
        options_.on_progress(statistics_);
}

} // namespace

ExportStatistics export_layer(const FileSystem& upper,
                              std::span<const Change> changes,
                              ByteSink& sink,
                              const ExportOptions& options) {
    return Exporter(upper, sink, options).run(changes);
}

} // namespace thinsnap::layer
