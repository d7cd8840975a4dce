#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/aligned_buffer.hpp"
#include "pdata/block.hpp"

namespace thinsnap::thin::check {

/// Blocks as they were read, unjudged.
class LoadedBlocks {
public:
    /// Nothing for a block that could not be read, or was not asked for.
    [[nodiscard]] std::optional<pdata::ConstBlockBytes> find(MetaBlock block) const;

private:
    friend class BlockReader;
    std::vector<std::uint64_t> numbers_; ///< ascending
    std::vector<bool> readable_;
    AlignedBuffer memory_;
};

/// Reads metadata blocks past every cache, a node's children in one go.
class BlockReader {
public:
    explicit BlockReader(BlockDevice& device)
        : device_(device) {}

    /// Whole blocks on the device.
    [[nodiscard]] std::uint64_t nr_blocks() const { return device_.size() / pdata::kBlockSize; }

    /// Neighbours are read by one call. A block that the device fails to read is left out; who
    /// needed it reports that.
    /// \param blocks  in any order, all on the device
    [[nodiscard]] LoadedBlocks load(std::vector<std::uint64_t> blocks);

private:
    void load_run(LoadedBlocks& blocks, std::size_t from, std::size_t to);

    BlockDevice& device_;
};

/// What is wrong with the parts that every block has: checksum and own number.
[[nodiscard]] std::optional<std::string>
find_header_fault(pdata::BlockKind kind, MetaBlock where, pdata::ConstBlockBytes block);

} // namespace thinsnap::thin::check
