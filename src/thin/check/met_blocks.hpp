#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <thinsnap/types.hpp>

namespace thinsnap::thin::check {

/// What a metadata block is used as.
enum class Use : std::uint8_t {
    superblock,
    held_superblock,
    index_block,
    metadata_bitmap,
    metadata_overflow,
    data_index,
    data_bitmap,
    data_overflow,
    details,
    top_level,
    mapping,
};

/// The name of the structure in findings, for example "mapping tree".
[[nodiscard]] const char* name_of(Use use) noexcept;

/// A block that was met, and for a node what its parents need to know of the tree below it.
struct Met {
    Use use = Use::superblock;
    bool usable = false;  ///< its content can be believed
    bool damaged = false; ///< it, or something below it, is not as it should be
    bool is_leaf = false;
    std::uint8_t height = 0; ///< 1 for a leaf, 0 while it is not known
    std::uint64_t first = 0; ///< no key below it is smaller
    std::uint64_t last = 0;  ///< none is larger
    std::uint64_t entries = 0;
};

/// Every metadata block that something points to, and how many pointers it has: what its count in
/// the space map should be. A node counts as one pointer's source however many parents it has.
///
/// Memory: 8 bytes for each block of the space map that the device has, 40 for each block met.
class MetBlocks {
public:
    explicit MetBlocks(std::uint64_t nr_blocks);

    /// Blocks that the space map describes and the device has.
    [[nodiscard]] std::uint64_t size() const { return pointers_.size(); }
    [[nodiscard]] bool contains(MetaBlock block) const { return block.value() < size(); }

    void point_to(MetaBlock block) { ++pointers_[block.value()]; }
    [[nodiscard]] std::uint32_t pointers(std::uint64_t block) const { return pointers_[block]; }

    /// Null for a block that was not met yet. Stays valid.
    [[nodiscard]] Met* find(MetaBlock block);
    [[nodiscard]] const Met* find(MetaBlock block) const;
    Met& add(MetaBlock block, Use use);

    /// Some pointer could not be followed: what is behind it was not counted.
    void set_incomplete() { incomplete_ = true; }
    [[nodiscard]] bool is_incomplete() const { return incomplete_; }

    [[nodiscard]] std::uint64_t nr_nodes() const { return nr_nodes_; }
    void count_node() { ++nr_nodes_; }

private:
    std::vector<std::uint32_t> pointers_;
    std::vector<std::uint32_t> index_; ///< into met_, plus one
    std::deque<Met> met_;
    std::uint64_t nr_nodes_ = 0;
    bool incomplete_ = false;
};

} // namespace thinsnap::thin::check
