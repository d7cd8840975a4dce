#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "io/scratch_device.hpp"
#include "pdata/block.hpp"
#include "thin/superblock.hpp"

/// \file
/// Pool metadata made by hand, from nothing of the engine's but its disk formats: trees are built
/// bottom up, and a node becomes shared by being named twice.

namespace thinsnap::test {

/// Metadata in memory, with the places of its parts, to be read, damaged and looked at.
class MetadataImage {
public:
    explicit MetadataImage(std::uint64_t nr_blocks)
        : device_(std::make_unique<io::ScratchDevice>(pdata::kBlockSize * nr_blocks)) {}

    [[nodiscard]] io::ScratchDevice& device() { return *device_; }
    [[nodiscard]] MetadataImage copy();
    void resize(std::uint64_t nr_blocks);

    using Edit = std::function<void(pdata::BlockBytes)>;

    /// Changes a block and gives it a right checksum again.
    void edit(pdata::BlockKind kind, MetaBlock where, const Edit& change);
    /// Changes a block and leaves it so.
    void edit_raw(MetaBlock where, const Edit& change);
    void edit_superblock(const std::function<void(thin::Superblock&)>& change);
    [[nodiscard]] thin::Superblock superblock();
    /// The two-bit field of a count; overflow trees and derived numbers stay as they are.
    void set_metadata_field(std::uint64_t block, std::uint32_t field);
    void set_data_field(std::uint64_t chunk, std::uint32_t field);

    std::vector<MetaBlock> data_bitmaps;
    std::vector<MetaBlock> metadata_bitmaps;
    std::map<std::uint32_t, MetaBlock> device_roots;

private:
    [[nodiscard]] std::vector<std::byte> content();

    std::unique_ptr<io::ScratchDevice> device_;
};

/// Makes one image.
class MetadataBuilder {
public:
    using Entries = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

    MetadataBuilder(std::uint64_t nr_blocks, std::uint64_t nr_chunks);

    /// Superblock fields that need not be the usual; roots are filled in by finish().
    [[nodiscard]] thin::Superblock& superblock() { return superblock_; }

    /// A leaf with these mappings: key, and chunk and time as the disk has them.
    [[nodiscard]] MetaBlock leaf(const Entries& mappings);
    /// A node over these, each with the key that it has in its parent.
    [[nodiscard]] MetaBlock internal(const std::vector<std::pair<std::uint64_t, MetaBlock>>& nodes);
    /// Leaves and the nodes above them, evenly filled.
    [[nodiscard]] MetaBlock tree(const Entries& mappings);

    /// A device with that tree, which other devices may have too.
    void add_device(const DeviceInfo& info, MetaBlock root);

    /// Keeps the devices so far as the metadata snapshot.
    void hold();
    /// Forgets the devices so far; a held root keeps its own.
    void clear_devices() { devices_.clear(); }

    [[nodiscard]] MetadataImage finish();

private:
    struct Value {
        std::uint64_t key = 0;
        std::vector<std::byte> bytes;
    };
    using Values = std::vector<Value>;
    using Roots = std::pair<MetaBlock, MetaBlock>;

    [[nodiscard]] MetaBlock allocate();
    void write(pdata::BlockKind kind, MetaBlock where, pdata::BlockBytes block);
    [[nodiscard]] MetaBlock
    write_node(bool is_leaf, std::uint32_t value_size, std::span<const Value> values);
    [[nodiscard]] MetaBlock build(std::uint32_t value_size, const Values& values);
    [[nodiscard]] Roots build_device_trees();
    [[nodiscard]] MetaBlock overflow_tree(const std::map<std::uint64_t, std::uint32_t>& counts);
    [[nodiscard]] MetaBlock write_bitmap(const std::map<std::uint64_t, std::uint32_t>& counts,
                                         std::uint64_t page,
                                         MetaBlock where,
                                         std::span<std::byte> entry);
    void build_data_map();
    void build_metadata_map();

    MetadataImage image_;
    thin::Superblock superblock_;
    std::uint64_t next_ = 1;
    std::uint64_t nr_blocks_;
    std::map<std::uint64_t, std::uint32_t> block_counts_;
    std::map<std::uint64_t, std::uint32_t> chunk_counts_;
    std::map<std::uint32_t, std::pair<DeviceInfo, MetaBlock>> devices_;
};

[[nodiscard]] DeviceInfo device(std::uint32_t id, std::uint64_t mapped_chunks);

/// Entries begin, begin+1, ... mapped to chunk, chunk+1, ...
[[nodiscard]] MetadataBuilder::Entries
run(std::uint64_t begin, std::uint64_t chunk, std::uint64_t length, std::uint32_t time = 0);

} // namespace thinsnap::test
