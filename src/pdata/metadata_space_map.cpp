#include "pdata/metadata_space_map.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "pdata/btree.hpp"

namespace thinsnap::pdata {

namespace {

constexpr std::uint32_t kInOverflowTree = std::numeric_limits<std::uint32_t>::max();
constexpr MetaBlock kNoBlock{0}; // block 0 is the superblock, never a bitmap

constexpr std::size_t index_offset(std::uint64_t page) {
    return 16 + IndexEntry::kSize * static_cast<std::size_t>(page);
}

} // namespace

MetadataSpaceMap::MetadataSpaceMap(std::uint64_t nr_blocks) {
    extend(nr_blocks);
}

MetadataSpaceMap::MetadataSpaceMap(BlockCache& cache, const SpaceMapRoot& root)
    : index_block_(root.bitmap_root)
    , overflow_root_(root.ref_count_root)
    , on_disk_(true) {
    if (root.nr_blocks > kMaxMetadataBlocks || root.nr_blocks > cache.nr_blocks())
        throw CorruptionError("superblock",
                              0,
                              fmt::format("{} metadata blocks, the device has {}",
                                          root.nr_blocks,
                                          cache.nr_blocks()));
    extend(root.nr_blocks);
    const ReadRef index = cache.read(index_block_, BlockKind::index);
    for (std::uint64_t page = 0; page < pages_.size(); ++page) {
        pages_[page] = IndexEntry::unpack(index.bytes().subspan(index_offset(page)));
        const ReadRef bitmap = cache.read(pages_[page].bitmap, BlockKind::bitmap);
        const std::uint64_t first = page * kEntriesPerBitmap;
        const auto here = std::min<std::uint64_t>(kEntriesPerBitmap, nr_blocks() - first);
        for (std::uint32_t i = 0; i < here; ++i) {
            const std::uint32_t field = bitmap_get(bitmap.bytes(), i);
            counts_[first + i] = field == kOverflow ? kInOverflowTree : field;
            nr_allocated_ += field != 0 ? 1 : 0;
        }
    }
    const BtreeReader overflow(cache, kOverflowValueSize);
    overflow.for_each(
        overflow_root_, 0, [this](std::uint64_t block, std::span<const std::byte> value) {
            if (block < counts_.size() && counts_[block] == kInOverflowTree)
                counts_[block] = load_le<std::uint32_t>(value, 0);
            return true; // an entry that no bitmap asks for is stale and harmless
        });
    const auto missing = std::ranges::find(counts_, kInOverflowTree);
    if (missing != counts_.end())
        throw CorruptionError("metadata space map",
                              static_cast<std::uint64_t>(missing - counts_.begin()),
                              "its count is said to stand in the overflow tree, and does not");
    require_own_blocks();
}

void MetadataSpaceMap::require_own_blocks() const {
    const auto require = [this](MetaBlock block) {
        if (count(block) == 0)
            throw CorruptionError("metadata space map",
                                  block.value(),
                                  "the map itself uses it, and counts it as free");
    };
    require(MetaBlock{}); // the superblock
    require(index_block_);
    require(overflow_root_);
    for (const IndexEntry& page : pages_)
        require(page.bitmap);
}

std::uint64_t MetadataSpaceMap::nr_free() const noexcept {
    return nr_blocks() - nr_allocated_ - nr_held_back_;
}

void MetadataSpaceMap::check_number(MetaBlock block) const {
    if (block.value() >= counts_.size())
        throw CorruptionError("metadata space map",
                              block.value(),
                              fmt::format("the map covers {} blocks", counts_.size()));
}

std::uint32_t MetadataSpaceMap::count(MetaBlock block) const {
    check_number(block);
    return counts_[block.value()];
}

void MetadataSpaceMap::note_change(MetaBlock block) {
    changed_.try_emplace(block, counts_[block.value()]);
}

void MetadataSpaceMap::inc(MetaBlock block) {
    check_number(block);
    if (counts_[block.value()] == kInOverflowTree - 1)
        throw CorruptionError("metadata space map", block.value(), "its count cannot get larger");
    note_change(block);
    if (counts_[block.value()]++ == 0)
        ++nr_allocated_;
}

std::uint32_t MetadataSpaceMap::dec(MetaBlock block) {
    check_number(block);
    if (counts_[block.value()] == 0)
        throw CorruptionError(
            "metadata space map", block.value(), "a pointer to it goes away, and its count is 0");
    note_change(block);
    const std::uint32_t now = --counts_[block.value()];
    if (now == 0) {
        --nr_allocated_;
        if (!new_[block.value()]) { // the last commit still needs it
            held_back_[block.value()] = true;
            ++nr_held_back_;
            freed_.push_back(block);
        }
    }
    return now;
}

MetaBlock MetadataSpaceMap::allocate() {
    const std::uint64_t all = nr_blocks();
    for (std::uint64_t step = 0; step < all; ++step) {
        const std::uint64_t at = cursor_ + step < all ? cursor_ + step : cursor_ + step - all;
        if (counts_[at] != 0 || held_back_[at])
            continue;
        const MetaBlock block(at);
        note_change(block);
        counts_[at] = 1;
        ++nr_allocated_;
        if (!new_[at]) {
            new_[at] = true;
            new_list_.push_back(block);
        }
        cursor_ = at + 1;
        return block;
    }
    throw Error(Errc::no_space,
                fmt::format("no metadata block is free: {} of {} are in use, {} more until the "
                            "next commit; use `thinsnap pool grow --metadata-size`",
                            nr_allocated_,
                            all,
                            nr_held_back_));
}

void MetadataSpaceMap::extend(std::uint64_t nr) {
    TS_ASSERT(nr >= nr_blocks() && nr <= kMaxMetadataBlocks);
    counts_.resize(nr);
    held_back_.resize(nr);
    new_.resize(nr);
    pages_.resize(bitmaps_for(nr), {kNoBlock, kEntriesPerBitmap, 0});
}

std::uint64_t MetadataSpaceMap::pin_view() {
    views_.push_back(commit_);
    return commit_;
}

void MetadataSpaceMap::unpin_view(std::uint64_t ticket) {
    const auto found = std::ranges::find(views_, ticket);
    TS_ASSERT(found != views_.end());
    views_.erase(found);
    release_deferred();
}

void MetadataSpaceMap::release_deferred() {
    const auto oldest = std::ranges::min_element(views_);
    while (!deferred_.empty() && (views_.empty() || deferred_.front().commit <= *oldest)) {
        for (const MetaBlock block : deferred_.front().blocks)
            held_back_[block.value()] = false;
        nr_held_back_ -= deferred_.front().blocks.size();
        deferred_.pop_front();
    }
}

void MetadataSpaceMap::committed() {
    for (const MetaBlock block : new_list_)
        new_[block.value()] = false;
    new_list_.clear();
    ++commit_;
    deferred_.push_back({commit_, std::move(freed_)});
    freed_.clear();
    release_deferred();
}

void MetadataSpaceMap::move_page(std::uint64_t page) {
    const MetaBlock old = pages_[page].bitmap;
    pages_[page].bitmap = allocate();
    page_moved_[page] = true;
    if (old != kNoBlock)
        dec(old);
}

void MetadataSpaceMap::save_overflow(Transaction& transaction,
                                     MetaBlock block,
                                     std::uint32_t old_count) {
    const std::uint32_t now = counts_[block.value()];
    if (now == old_count || (now < kOverflow && old_count < kOverflow))
        return;
    Btree overflow(transaction, kOverflowValueSize);
    if (now >= kOverflow) {
        std::array<std::byte, kOverflowValueSize> value{};
        store_le<std::uint32_t>(value, 0, now);
        overflow_root_ = overflow.insert(overflow_root_, block.value(), value).root;
    } else {
        overflow_root_ = overflow.remove(overflow_root_, block.value()).root;
    }
}

SpaceMapRoot MetadataSpaceMap::save(Transaction& transaction) {
    TS_ASSERT(&transaction.space_map() == this);
    page_moved_.assign(pages_.size(), false);
    const MetaBlock old_index = index_block_;
    index_block_ = allocate();
    if (on_disk_)
        dec(old_index);
    else
        overflow_root_ = Btree(transaction, kOverflowValueSize).create_empty();
    for (std::uint64_t page = 0; page < pages_.size(); ++page)
        if (pages_[page].bitmap == kNoBlock)
            move_page(page);

    // Writing the counts down changes counts: bitmaps and overflow nodes move. Each moves at most
    // once in a transaction, so this comes to an end.
    while (!changed_.empty()) {
        std::vector<std::pair<MetaBlock, std::uint32_t>> batch(changed_.begin(), changed_.end());
        std::ranges::sort(batch);
        changed_.clear();
        for (const auto& [block, old_count] : batch) {
            const std::uint64_t page = block.value() / kEntriesPerBitmap;
            if (!page_moved_[page])
                move_page(page);
            save_overflow(transaction, block, old_count);
        }
    }
    write_pages(transaction.cache());
    on_disk_ = true;
    return {nr_blocks(), nr_allocated_, index_block_, overflow_root_};
}

void MetadataSpaceMap::write_page(BlockCache& cache, std::uint64_t page) {
    const std::uint64_t first = page * kEntriesPerBitmap;
    const auto here =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kEntriesPerBitmap, nr_blocks() - first));
    const std::span counts = std::span(counts_).subspan(first, here);
    const WriteRef bitmap = cache.create(pages_[page].bitmap, BlockKind::bitmap);
    for (std::uint32_t i = 0; i < here; ++i)
        if (counts[i] != 0)
            bitmap_set(bitmap.bytes(), i, std::min(counts[i], kOverflow));
    pages_[page].nr_free = kEntriesPerBitmap - bitmap_count_used(bitmap.bytes(), here);
    pages_[page].none_free_before = bitmap_find_zero(bitmap.bytes(), 0, here).value_or(here);
}

void MetadataSpaceMap::write_pages(BlockCache& cache) {
    const WriteRef index = cache.create(index_block_, BlockKind::index);
    for (std::uint64_t page = 0; page < pages_.size(); ++page) {
        if (page_moved_[page])
            write_page(cache, page);
        pages_[page].pack(index.bytes().subspan(index_offset(page), IndexEntry::kSize));
    }
}

} // namespace thinsnap::pdata
