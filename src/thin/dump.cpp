#include "thin/dump.hpp"

#include <array>
#include <iterator>
#include <string>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

namespace thinsnap::thin {

namespace {

/// Collects text and passes it on in large pieces.
class Text {
public:
    explicit Text(const std::function<void(std::string_view)>& write)
        : write_(write) {}

    template <class... Args>
    void print(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
        if (buffer_.size() >= kPiece)
            flush();
    }

    void flush() {
        if (!buffer_.empty())
            write_(buffer_);
        buffer_.clear();
    }

private:
    static constexpr std::size_t kPiece = 64U << 10U;

    const std::function<void(std::string_view)>& write_;
    std::string buffer_;
};

void print_run(Text& text, const MappedRun& run) {
    if (run.length == 1)
        text.print("    <single_mapping origin_block=\"{}\" data_block=\"{}\" time=\"{}\"/>\n",
                   run.begin.value(),
                   run.data_begin.value(),
                   run.time);
    else
        text.print("    <range_mapping origin_begin=\"{}\" data_begin=\"{}\" length=\"{}\" "
                   "time=\"{}\"/>\n",
                   run.begin.value(),
                   run.data_begin.value(),
                   run.length,
                   run.time);
}

void print_device(Text& text, MetadataView& view, const DeviceInfo& device) {
    text.print("  <device dev_id=\"{}\" mapped_blocks=\"{}\" transaction=\"{}\" "
               "creation_time=\"{}\" snap_time=\"{}\">\n",
               device.id.value(),
               device.mapped_chunks,
               device.transaction_id.value(),
               device.creation_time,
               device.snapshotted_time);
    view.for_each_mapping(device.id, VirtualChunk(0), [&](const MappedRun& run) {
        print_run(text, run);
        return true;
    });
    text.print("  </device>\n");
}

/// A device without details would be left out unnoticed.
void require_details(MetadataView& view) {
    const pdata::BtreeReader tree(view.cache(), sizeof(std::uint64_t));
    const MetaBlock root = view.superblock().mapping_root;
    tree.for_each(root, 0, [&](std::uint64_t id, std::span<const std::byte>) {
        if (id > kMaxDeviceId.value() ||
            !view.find_device(DeviceId(static_cast<std::uint32_t>(id))))
            throw CorruptionError("device details tree",
                                  view.superblock().details_root.value(),
                                  fmt::format("device {} has mappings and no details", id));
        return true;
    });
}

} // namespace

void dump_xml(MetadataView& view, const std::function<void(std::string_view)>& write) {
    require_details(view);
    const Superblock& superblock = view.superblock();
    Text text(write);
    // The uuid stays empty whatever the superblock says, as thin_dump 0.9.0 has it.
    text.print("<superblock uuid=\"\" time=\"{}\" transaction=\"{}\" flags=\"{}\" version=\"{}\" "
               "data_block_size=\"{}\" nr_data_blocks=\"{}\">\n",
               superblock.time,
               superblock.transaction_id.value(),
               superblock.flags,
               superblock.version,
               superblock.chunk_sectors,
               superblock.data_space_map.nr_blocks);
    view.for_each_device([&](const DeviceInfo& device) { print_device(text, view, device); });
    text.print("</superblock>\n");
    text.flush();
}

} // namespace thinsnap::thin
