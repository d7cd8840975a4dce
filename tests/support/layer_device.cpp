#include "support/layer_device.hpp"

#include "ext4/format.hpp"
#include "layer/export.hpp"
#include "layer/writer_tree.hpp"

#include "support/listing.hpp"
#include "support/text_sink.hpp"

namespace thinsnap::test {

using ext4::FileSystem;
using ext4::FileSystemAccess;

namespace {

Uuid some_uuid() {
    Uuid uuid{};
    uuid[0] = std::byte{1};
    return uuid;
}

std::string content_of(const FileSystem& fs, const ext4::InodeInfo& info) {
    std::vector<std::byte> bytes(info.size);
    bytes.resize(fs.read(info.number, 0, bytes));
    std::string text;
    for (const std::byte b : bytes)
        text += static_cast<char>(b);
    return text;
}

ListedFile list_file(const FileSystem& fs, const ext4::InodeInfo& info) {
    ListedFile listed;
    listed.type = info.type;
    listed.attributes = info.attributes;
    listed.device = info.device;
    listed.identity = info.number.value();
    if (info.has_xattrs)
        listed.xattrs = fs.xattrs(info.number);
    if (info.type == ext4::FileType::symlink)
        listed.link_target = fs.link_target(info.number);
    if (info.type == ext4::FileType::regular) {
        listed.size = info.size;
        if (info.size <= Listing::kMaxContent)
            listed.content = content_of(fs, info);
    }
    return listed;
}

} // namespace

LayerDevice::LayerDevice()
    : device_(std::make_unique<SparseDevice>(ext4::kMinSize)) {
    ext4::format(
        *device_,
        {.size = ext4::kMinSize, .uuid = some_uuid(), .hash_seed = some_uuid(), .time = 1});
}

layer::ApplyStatistics LayerDevice::apply(const std::string& tar,
                                          const layer::ApplyOptions& options) {
    layer::ApplyStatistics statistics;
    change([&](ext4::TreeWriter& writer) {
        layer::WriterTree tree(writer);
        MemorySource source(std::as_bytes(std::span(tar)));
        statistics = layer::apply_tar(source, tree, options);
    });
    return statistics;
}

void LayerDevice::change(const std::function<void(ext4::TreeWriter&)>& action) {
    FileSystem fs(*device_, FileSystemAccess::read_write);
    ext4::TreeWriter writer(fs);
    action(writer);
    writer.finish();
    fs.flush();
}

std::string LayerDevice::listing() {
    const FileSystem fs(*device_, FileSystemAccess::read_only);
    Listing listing;
    listing.add("", list_file(fs, fs.inode(fs.root())));
    fs.for_each_in_tree(fs.root(), [&](const ext4::TreeEntry& entry) {
        listing.add(std::string(entry.path), list_file(fs, entry.inode));
    });
    return listing.text();
}

std::vector<layer::ByteRange> changed_ranges(LayerDevice& lower, LayerDevice& upper) {
    const SparseBytes a = lower.device().content();
    const SparseBytes b = upper.device().content();
    std::vector<layer::ByteRange> ranges;
    for (std::uint64_t at = 0; at < b.size(); at += LayerDevice::kChunk) {
        const std::uint64_t length = std::min(LayerDevice::kChunk, b.size() - at);
        if (at + length > a.size() || !a.same(b, at, length))
            ranges.push_back({at, length});
    }
    return ranges;
}

std::vector<layer::Change> changes_between(LayerDevice& lower, LayerDevice& upper) {
    const FileSystem before(lower.device(), FileSystemAccess::read_only);
    const FileSystem now(upper.device(), FileSystemAccess::read_only);
    const auto ranges = changed_ranges(lower, upper);
    return layer::find_changes(before, now, ranges);
}

std::string diff_text(LayerDevice& lower, LayerDevice& upper) {
    std::string text;
    for (const layer::Change& change : changes_between(lower, upper)) {
        const char letter = layer::change_letter(change.kind);
        text += letter == ' ' ? '.' : letter;
        text += ' ' + change.path + '\n';
    }
    return text;
}

std::string exported(LayerDevice& lower, LayerDevice& upper) {
    const auto changes = changes_between(lower, upper);
    const FileSystem now(upper.device(), FileSystemAccess::read_only);
    TextSink sink;
    layer::export_layer(now, changes, sink);
    return sink.text();
}

} // namespace thinsnap::test
