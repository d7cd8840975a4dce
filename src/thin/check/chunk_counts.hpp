#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <thinsnap/types.hpp>

#include "pdata/bitmap.hpp"

namespace thinsnap::thin::check {

/// How many mappings each data chunk has.
///
/// Memory: a byte for each chunk of those bitmaps in which any chunk is mapped, and an entry for
/// each chunk with 255 mappings and more. Only for bitmaps that there are: what the superblock says
/// of the data device's size costs nothing.
class ChunkCounts {
public:
    /// \param bitmaps  numbers of the bitmaps that the index names, ascending
    void set_bitmaps(std::vector<std::uint64_t> bitmaps);

    void add(DataChunk chunk);
    [[nodiscard]] std::uint32_t count(std::uint64_t chunk) const;

private:
    using Page = std::array<std::uint8_t, pdata::kEntriesPerBitmap>;

    [[nodiscard]] std::size_t find(std::uint64_t bitmap) const;

    std::vector<std::uint64_t> bitmaps_;
    std::vector<std::unique_ptr<Page>> pages_;
    std::unordered_map<std::uint64_t, std::uint32_t> large_; ///< what is above 255
};

} // namespace thinsnap::thin::check
