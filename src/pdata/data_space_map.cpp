#include "pdata/data_space_map.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::pdata {

namespace {

[[noreturn]] void corrupt(DataChunk chunk, std::string_view detail) {
    throw Error(Errc::corrupt,
                fmt::format("data space map at chunk {}: {}", chunk.value(), detail));
}

std::uint32_t entry_of(DataChunk chunk) {
    return static_cast<std::uint32_t>(chunk.value() % kEntriesPerBitmap);
}

} // namespace

DataSpaceMap::DataSpaceMap(Transaction& transaction)
    : transaction_(transaction)
    , index_tree_(transaction, IndexEntry::kSize)
    , overflow_tree_(transaction, kOverflowValueSize)
    , index_root_(index_tree_.create_empty())
    , overflow_root_(overflow_tree_.create_empty()) {}

DataSpaceMap::DataSpaceMap(Transaction& transaction, const SpaceMapRoot& root)
    : transaction_(transaction)
    , index_tree_(transaction, IndexEntry::kSize)
    , overflow_tree_(transaction, kOverflowValueSize)
    , index_root_(root.bitmap_root)
    , overflow_root_(root.ref_count_root)
    , nr_chunks_(root.nr_blocks)
    , nr_allocated_(root.nr_allocated) {
    if (nr_allocated_ > nr_chunks_)
        throw CorruptionError(
            "superblock",
            0,
            fmt::format("{} of {} data chunks are allocated", nr_allocated_, nr_chunks_));
    const std::uint64_t expected = bitmaps_for(nr_chunks_);
    const auto add = [&](std::uint64_t page, std::span<const std::byte> value) {
        if (page != pages_.size() || page >= expected)
            return false;
        pages_.push_back({IndexEntry::unpack(value)});
        return true;
    };
    index_tree_.reader().for_each(index_root_, 0, add);
    if (pages_.size() != expected)
        throw CorruptionError("data space map index",
                              index_root_.value(),
                              fmt::format("bitmap {} of {} is missing", pages_.size(), expected));
}

std::uint64_t DataSpaceMap::page_of(DataChunk chunk) const {
    if (chunk.value() >= nr_chunks_)
        corrupt(chunk, fmt::format("the pool has {} chunks", nr_chunks_));
    return chunk.value() / kEntriesPerBitmap;
}

std::uint32_t DataSpaceMap::entries_in(std::uint64_t page) const {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(kEntriesPerBitmap, nr_chunks_ - page * kEntriesPerBitmap));
}

void DataSpaceMap::verify(std::uint64_t page, ConstBlockBytes block) {
    if (pages_[page].verified)
        return;
    // Other tools leave these two slightly wrong, which hides free chunks from a search.
    IndexEntry& entry = pages_[page].entry;
    entry.nr_free = kEntriesPerBitmap - bitmap_count_used(block, entries_in(page));
    entry.none_free_before =
        bitmap_find_zero(block, 0, kEntriesPerBitmap).value_or(kEntriesPerBitmap);
    pages_[page].verified = true;
}

ReadRef DataSpaceMap::read_page(std::uint64_t page) {
    ReadRef block = transaction_.read(pages_[page].entry.bitmap, BlockKind::bitmap);
    verify(page, block.bytes());
    return block;
}

WriteRef DataSpaceMap::write_page(std::uint64_t page) {
    WriteRef block = transaction_.shadow(pages_[page].entry.bitmap, BlockKind::bitmap).block;
    verify(page, block.bytes());
    pages_[page].entry.bitmap = block.where();
    if (!std::exchange(pages_[page].entry_changed, true))
        changed_pages_.push_back(page);
    return block;
}

std::uint32_t DataSpaceMap::overflow_count(DataChunk chunk) {
    std::array<std::byte, kOverflowValueSize> value{};
    if (!overflow_tree_.reader().find(overflow_root_, chunk.value(), value))
        corrupt(chunk, "its count is said to stand in the overflow tree, and does not");
    return load_le<std::uint32_t>(value, 0);
}

std::uint32_t DataSpaceMap::count(DataChunk chunk) {
    const std::uint64_t page = page_of(chunk);
    const std::uint32_t field = bitmap_get(read_page(page).bytes(), entry_of(chunk));
    return field == kOverflow ? overflow_count(chunk) : field;
}

void DataSpaceMap::set_count(DataChunk chunk, std::uint32_t old_count, std::uint32_t new_count) {
    const std::uint64_t page = page_of(chunk);
    const std::uint32_t e = entry_of(chunk);
    if (old_count < kOverflow || new_count < kOverflow) // else the field stays at 3
        bitmap_set(write_page(page).bytes(), e, std::min(new_count, kOverflow));
    if (new_count >= kOverflow) {
        std::array<std::byte, kOverflowValueSize> value{};
        store_le<std::uint32_t>(value, 0, new_count);
        overflow_root_ = overflow_tree_.insert(overflow_root_, chunk.value(), value).root;
    } else if (old_count >= kOverflow) {
        overflow_root_ = overflow_tree_.remove(overflow_root_, chunk.value()).root;
    }
    IndexEntry& entry = pages_[page].entry;
    if (old_count == 0) {
        ++nr_allocated_;
        --entry.nr_free;
        if (entry.none_free_before == e)
            ++entry.none_free_before;
    } else if (new_count == 0) {
        nr_allocated_ -= nr_allocated_ > 0 ? 1 : 0; // other tools may have written it too low
        ++entry.nr_free;
        entry.none_free_before = std::min(entry.none_free_before, e);
    }
}

void DataSpaceMap::inc(DataChunk chunk) {
    const std::uint32_t old = count(chunk);
    if (old == 0 || old == std::numeric_limits<std::uint32_t>::max())
        corrupt(chunk, fmt::format("one more mapping appears, and its count is {}", old));
    set_count(chunk, old, old + 1);
}

void DataSpaceMap::dec(DataChunk chunk) {
    const std::uint32_t old = count(chunk);
    if (old == 0)
        corrupt(chunk, "a mapping goes away, and its count is 0");
    set_count(chunk, old, old - 1);
    Marks& marks = marks_[page_of(chunk)];
    marks.lost_mapping[entry_of(chunk)] = true;
    if (old == 1) {
        marks.freed[entry_of(chunk)] = true;
        hold_back(chunk);
    }
}

bool DataSpaceMap::lost_a_mapping(DataChunk chunk) const {
    const auto marks = marks_.find(chunk.value() / kEntriesPerBitmap);
    return marks != marks_.end() && marks->second.lost_mapping[entry_of(chunk)];
}

void DataSpaceMap::hold_back(DataChunk chunk) {
    Marks& marks = marks_[page_of(chunk)];
    TS_ASSERT(!marks.held_back[entry_of(chunk)]);
    marks.held_back[entry_of(chunk)] = true;
    ++marks.nr_held_back;
    ++nr_held_back_;
}

void DataSpaceMap::let_go(DataChunk chunk) {
    Marks& marks = marks_[page_of(chunk)];
    TS_ASSERT(marks.held_back[entry_of(chunk)]);
    marks.held_back[entry_of(chunk)] = false;
    --marks.nr_held_back;
    --nr_held_back_;
}

bool DataSpaceMap::held_back(DataChunk chunk) const {
    const auto marks = marks_.find(chunk.value() / kEntriesPerBitmap);
    return marks != marks_.end() && marks->second.held_back[entry_of(chunk)];
}

std::optional<DataChunk> DataSpaceMap::find_free(std::uint64_t from, std::uint64_t to) {
    while (from < to) {
        const std::uint64_t page = from / kEntriesPerBitmap;
        const std::uint64_t first = page * kEntriesPerBitmap;
        const std::uint32_t here = entries_in(page);
        const auto marks = marks_.find(page);
        const std::uint32_t unusable =
            kEntriesPerBitmap - here + (marks != marks_.end() ? marks->second.nr_held_back : 0);
        if (!pages_[page].verified || pages_[page].entry.nr_free > unusable) {
            const ReadRef block = read_page(page);
            auto e = static_cast<std::uint32_t>(from - first);
            e = std::max(e, pages_[page].entry.none_free_before);
            for (;; ++e) {
                const auto found = bitmap_find_zero(block.bytes(), e, here);
                if (!found)
                    break;
                e = *found;
                if (marks == marks_.end() || !marks->second.held_back[e])
                    return first + e < to ? std::optional(DataChunk(first + e)) : std::nullopt;
            }
        }
        from = first + kEntriesPerBitmap;
    }
    return std::nullopt;
}

std::optional<ChunkRun> DataSpaceMap::reserve(std::uint64_t wanted) {
    if (nr_free() == 0)
        return std::nullopt;
    if (cursor_ >= nr_chunks_)
        cursor_ = 0;
    auto begin = find_free(cursor_, nr_chunks_);
    if (!begin)
        begin = find_free(0, cursor_);
    if (!begin)
        return std::nullopt;
    const std::uint64_t page = page_of(*begin);
    const ReadRef block = read_page(page);
    ChunkRun run{*begin, 0};
    while (run.length < wanted) {
        const DataChunk next = run.begin + run.length;
        if (next.value() / kEntriesPerBitmap != page || entry_of(next) >= entries_in(page) ||
            bitmap_get(block.bytes(), entry_of(next)) != 0 || held_back(next))
            break;
        hold_back(next);
        ++run.length;
    }
    cursor_ = run.begin.value() + run.length;
    return run;
}

void DataSpaceMap::claim(DataChunk chunk) {
    TS_ASSERT(count(chunk) == 0);
    let_go(chunk);
    set_count(chunk, 0, 1);
}

void DataSpaceMap::cancel(ChunkRun run) {
    for (std::uint64_t i = 0; i < run.length; ++i)
        let_go(run.begin + i);
}

void DataSpaceMap::extend(std::uint64_t nr_chunks) {
    TS_ASSERT(nr_chunks >= nr_chunks_);
    nr_chunks_ = nr_chunks;
    while (pages_.size() < bitmaps_for(nr_chunks)) {
        const WriteRef bitmap = transaction_.new_block(BlockKind::bitmap);
        changed_pages_.push_back(pages_.size());
        pages_.push_back({{bitmap.where(), kEntriesPerBitmap, 0}, true, true});
    }
}

SpaceMapRoot DataSpaceMap::save() {
    std::ranges::sort(changed_pages_);
    for (const std::uint64_t page : changed_pages_) {
        std::array<std::byte, IndexEntry::kSize> value{};
        pages_[page].entry.pack(value);
        index_root_ = index_tree_.insert(index_root_, page, value).root;
        pages_[page].entry_changed = false;
    }
    changed_pages_.clear();
    return {nr_chunks_, nr_allocated_, index_root_, overflow_root_};
}

std::vector<ChunkRun> DataSpaceMap::committed() {
    std::vector<ChunkRun> runs;
    for (auto it = marks_.begin(); it != marks_.end();) {
        Marks& marks = it->second;
        for (auto e = marks.freed._Find_first(); e < marks.freed.size();
             e = marks.freed._Find_next(e)) {
            const DataChunk chunk(it->first * kEntriesPerBitmap + e);
            if (!runs.empty() && runs.back().begin + runs.back().length == chunk)
                ++runs.back().length;
            else
                runs.push_back({chunk, 1});
        }
        marks.freed.reset();
        marks.lost_mapping.reset();
        it = marks.nr_held_back == 0 ? marks_.erase(it) : std::next(it);
    }
    return runs;
}

void DataSpaceMap::release(ChunkRun run) {
    cancel(run);
}

} // namespace thinsnap::pdata
