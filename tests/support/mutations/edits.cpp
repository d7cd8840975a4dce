#include "support/mutations/edits.hpp"

#include <array>
#include <cstring>

#include "thin/format/superblock_disk.hpp"
#include "thin/mapping.hpp"

namespace thinsnap::test::mutation {

using pdata::NodeView;

MetaBlock top_root(MetadataImage& image) {
    return image.superblock().mapping_root;
}
MetaBlock details_root(MetadataImage& image) {
    return image.superblock().details_root;
}
MetaBlock root_of_1(MetadataImage& image) {
    return image.device_roots.at(1);
}
MetaBlock first_mapping_leaf(MetadataImage& image) {
    return child_of(image, image.device_roots.at(1), 0);
}
MetaBlock second_mapping_leaf(MetadataImage& image) {
    return child_of(image, image.device_roots.at(1), 1);
}
MetaBlock lone_leaf(MetadataImage& image) {
    return image.device_roots.at(500);
}
MetaBlock index_block(MetadataImage& image) {
    return image.superblock().metadata_space_map.bitmap_root;
}
MetaBlock data_index(MetadataImage& image) {
    return image.superblock().data_space_map.bitmap_root;
}
MetaBlock metadata_overflow(MetadataImage& image) {
    return image.superblock().metadata_space_map.ref_count_root;
}
MetaBlock data_overflow(MetadataImage& image) {
    return image.superblock().data_space_map.ref_count_root;
}

Mutate superblock(const std::function<void(thin::Superblock&)>& change) {
    return [=](MetadataImage& image) { image.edit_superblock(change); };
}

Mutate node(const Find& find, const std::function<void(NodeEditor&)>& change) {
    return [=](MetadataImage& image) {
        image.edit(BlockKind::node, find(image), [&](BlockBytes block) {
            NodeEditor editor(block);
            change(editor);
        });
    };
}

Mutate flip(const Find& find, std::size_t offset) {
    return [=](MetadataImage& image) {
        image.edit_raw(find(image), [=](BlockBytes block) { block[offset] ^= std::byte{0x10}; });
    };
}

Mutate misplace(BlockKind kind, const Find& find) {
    return [=](MetadataImage& image) {
        const MetaBlock where = find(image);
        image.edit_raw(where, [=](BlockBytes block) { pdata::seal(kind, where + 1, block); });
    };
}

Mutate room(const Find& find, std::uint32_t entries) {
    return [=](MetadataImage& image) {
        image.edit(BlockKind::node, find(image), [=](BlockBytes block) {
            const NodeView old(block);
            const std::size_t width = std::size_t{8} * old.size();
            std::memmove(block.subspan(32 + std::size_t{8} * entries, width).data(),
                         block.subspan(32 + std::size_t{8} * old.max(), width).data(),
                         width);
            store_le<std::uint32_t>(block, 20, entries);
        });
    };
}

std::vector<std::byte> value32(std::uint32_t value) {
    std::vector<std::byte> bytes(4);
    store_le<std::uint32_t>(bytes, 0, value);
    return bytes;
}

std::vector<std::byte> mapping(std::uint64_t chunk, std::uint32_t time) {
    std::vector<std::byte> bytes(8);
    store_le<std::uint64_t>(
        bytes, 0, thin::pack_mapping({.chunk = DataChunk(chunk), .time = time}));
    return bytes;
}

Mutate details(std::uint32_t id, const std::function<void(DeviceInfo&)>& change) {
    const Find leaf = [](MetadataImage& image) { return child_of(image, details_root(image), 0); };
    return node(leaf, [=](NodeEditor& editor) {
        const std::uint32_t i = editor.view().floor_index(id).value();
        DeviceInfo info = thin::unpack_details(DeviceId(id), editor.view().value(i));
        change(info);
        std::vector<std::byte> bytes(sizeof(thin::DeviceDetailsDisk));
        thin::pack_details(info, bytes);
        editor.set_value(i, bytes);
    });
}

Mutate index_entry(std::uint64_t page, const std::function<void(pdata::IndexEntry&)>& change) {
    return [=](MetadataImage& image) {
        image.edit(BlockKind::index, index_block(image), [=](BlockBytes block) {
            const auto bytes = std::span<std::byte>(block).subspan(16 * (page + 1), 16);
            auto entry = pdata::IndexEntry::unpack(bytes);
            change(entry);
            entry.pack(bytes);
        });
    };
}

Mutate data_index_entry(std::uint32_t page, const std::function<void(pdata::IndexEntry&)>& change) {
    return node(data_index, [=](NodeEditor& editor) {
        std::array<std::byte, 16> bytes{};
        auto entry = pdata::IndexEntry::unpack(editor.view().value(page));
        change(entry);
        entry.pack(bytes);
        editor.set_value(page, bytes);
    });
}

std::uint64_t free_block(MetadataImage& image) {
    return image.superblock().metadata_space_map.nr_blocks - 5;
}

} // namespace thinsnap::test::mutation
