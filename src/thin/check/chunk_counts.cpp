#include "thin/check/chunk_counts.hpp"

#include <algorithm>
#include <utility>

namespace thinsnap::thin::check {

namespace {

constexpr std::uint8_t kFull = 255;

} // namespace

void ChunkCounts::set_bitmaps(std::vector<std::uint64_t> bitmaps) {
    bitmaps_ = std::move(bitmaps);
    pages_.resize(bitmaps_.size());
}

std::size_t ChunkCounts::find(std::uint64_t bitmap) const {
    if (bitmap < bitmaps_.size() && bitmaps_[bitmap] == bitmap)
        return bitmap; // none is missing before it
    const auto at = std::ranges::lower_bound(bitmaps_, bitmap);
    if (at == bitmaps_.end() || *at != bitmap)
        return bitmaps_.size();
    return static_cast<std::size_t>(at - bitmaps_.begin());
}

void ChunkCounts::add(DataChunk chunk) {
    const std::size_t i = find(chunk.value() / pdata::kEntriesPerBitmap);
    if (i == pages_.size())
        return;
    if (!pages_[i])
        pages_[i] = std::make_unique<Page>();
    std::uint8_t& count = (*pages_[i])[chunk.value() % pdata::kEntriesPerBitmap];
    if (count == kFull)
        ++large_[chunk.value()];
    else
        ++count;
}

std::uint32_t ChunkCounts::count(std::uint64_t chunk) const {
    const std::size_t i = find(chunk / pdata::kEntriesPerBitmap);
    if (i == pages_.size() || !pages_[i])
        return 0;
    const std::uint32_t count = (*pages_[i])[chunk % pdata::kEntriesPerBitmap];
    const auto large = count == kFull ? large_.find(chunk) : large_.end();
    return large == large_.end() ? count : count + large->second;
}

} // namespace thinsnap::thin::check
