#include "thin/check/space_map_check.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace thinsnap::thin::check {

using pdata::kEntriesPerBitmap;

void SpaceMapCheck::add(Severity severity, std::optional<MetaBlock> block, std::string message) {
    findings_.add(severity, map_.name, block, std::move(message));
}

void SpaceMapCheck::meet_bitmaps(bool index_complete) {
    const std::uint64_t nr_bitmaps = pdata::bitmaps_for(map_.root.nr_blocks);
    for (auto& page : map_.pages) {
        const MetaBlock where = page.entry.bitmap;
        if (page.number >= nr_bitmaps)
            add(Severity::damage,
                where,
                fmt::format("the index has bitmap {}, the map has {}", page.number, nr_bitmaps));
        if (!met_.contains(where) || where == MetaBlock(0)) {
            met_.set_incomplete();
            add(Severity::damage,
                std::nullopt,
                fmt::format("bitmap {} is said to be in block {}, which is none that can hold it",
                            page.number,
                            where.value()));
            continue;
        }
        met_.point_to(where);
        if (const Met* met = met_.find(where)) {
            add(Severity::damage,
                where,
                fmt::format(
                    "the block of bitmap {} is also used as {}", page.number, name_of(met->use)));
            continue;
        }
        met_.add(where, map_.bitmap_use);
        page.usable = true;
    }
    if (index_complete)
        find_missing_bitmaps();
}

void SpaceMapCheck::find_missing_bitmaps() {
    const std::uint64_t nr_bitmaps = pdata::bitmaps_for(map_.root.nr_blocks);
    std::uint64_t next = 0;
    const auto tell_gap = [&](std::uint64_t past) {
        if (next < past)
            add(Severity::damage,
                map_.root.bitmap_root,
                fmt::format("the index lacks {} bitmaps from {} on", past - next, next));
    };
    for (const auto& page : map_.pages) {
        tell_gap(std::min(page.number, nr_bitmaps));
        next = page.number + 1;
    }
    tell_gap(nr_bitmaps);
}

void SpaceMapCheck::compare(const Counted& counted) {
    if (map_.root.nr_blocks == 0)
        return;
    constexpr std::size_t at_once = 64;
    for (std::size_t from = 0; from < map_.pages.size(); from += at_once) {
        const std::size_t to = std::min(from + at_once, map_.pages.size());
        std::vector<std::uint64_t> blocks;
        for (std::size_t i = from; i < to; ++i)
            if (map_.pages[i].usable)
                blocks.push_back(map_.pages[i].entry.bitmap.value());
        const LoadedBlocks loaded = reader_.load(blocks);
        for (std::size_t i = from; i < to; ++i)
            compare_page(map_.pages[i], loaded, counted);
    }
    nr_stale_ += map_.overflow.size() - next_overflow_;
    if (nr_stale_ > 0 && all_read_)
        tell_stale_overflow();
    if (all_read_)
        tell_allocated();
    if (counted.known && !counted.complete)
        add(Severity::warning,
            std::nullopt,
            fmt::format("not judged whether any {} is counted too high: parts of the metadata "
                        "could not be followed",
                        map_.unit));
}

void SpaceMapCheck::compare_page(const FoundSpaceMap::Page& page,
                                 const LoadedBlocks& loaded,
                                 const Counted& counted) {
    const std::uint64_t first = page.number * kEntriesPerBitmap;
    const auto bytes = page.usable ? loaded.find(page.entry.bitmap) : std::nullopt;
    std::optional<std::string> fault;
    if (page.usable && !bytes)
        fault = "cannot be read";
    if (bytes)
        fault = find_header_fault(pdata::BlockKind::bitmap, page.entry.bitmap, *bytes);
    if (fault)
        add(Severity::damage,
            page.entry.bitmap,
            fmt::format("bitmap {}, which counts {}s from {} on: {}",
                        page.number,
                        map_.unit,
                        first,
                        *fault));
    if (!bytes || fault || page.number >= pdata::bitmaps_for(map_.root.nr_blocks)) {
        all_read_ = false;
        return;
    }
    const auto entries = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(kEntriesPerBitmap, map_.root.nr_blocks - first));
    const PageState state{page, *bytes, entries};
    compare_counts(state, counted);
    compare_index_entry(state);
}

/// The count on the disk; nothing where the overflow tree does not tell.
std::optional<std::uint32_t> SpaceMapCheck::count_of(const PageState& state, std::uint32_t i) {
    const std::uint64_t number = state.page.number * kEntriesPerBitmap + i;
    const std::uint32_t field = pdata::bitmap_get(state.bytes, i);
    while (next_overflow_ < map_.overflow.size() && map_.overflow[next_overflow_].first < number)
        ++next_overflow_;
    const bool has_entry =
        next_overflow_ < map_.overflow.size() && map_.overflow[next_overflow_].first == number;
    if (field < pdata::kOverflow) {
        if (has_entry) {
            ++next_overflow_;
            ++nr_stale_;
        }
        return field;
    }
    if (has_entry) {
        const std::uint32_t count = map_.overflow[next_overflow_++].second;
        if (count < pdata::kOverflow)
            add(Severity::warning,
                map_.root.ref_count_root,
                fmt::format("the overflow tree has count {} for {} {}, which belongs in the bitmap",
                            count,
                            map_.unit,
                            number));
        return count;
    }
    if (map_.overflow_complete)
        add(Severity::damage,
            state.page.entry.bitmap,
            fmt::format("{} {} has a count of 3 or more and no entry in the overflow tree: writing "
                        "to this pool can crash the kernel",
                        map_.unit,
                        number));
    return std::nullopt;
}

void SpaceMapCheck::compare_counts(const PageState& state, const Counted& counted) {
    std::vector<WrongRun> runs;
    const std::uint64_t first = state.page.number * kEntriesPerBitmap;
    for (std::uint32_t i = 0; i < state.entries; ++i) {
        const auto seen = count_of(state, i);
        if (!seen || !counted.known)
            continue;
        const std::uint32_t expected = counted.count(first + i);
        if (*seen == expected || (*seen > expected && !counted.complete))
            continue;
        note(runs,
             {.severity = *seen > expected ? Severity::leak : Severity::damage,
              .begin = first + i,
              .past = first + i + 1,
              .seen = *seen,
              .expected = expected});
    }
    tell_runs(runs, state.page.entry.bitmap);
}

void SpaceMapCheck::note(std::vector<WrongRun>& runs, const WrongRun& wrong) const {
    if (!runs.empty() && runs.back().past == wrong.begin && runs.back().severity == wrong.severity)
        runs.back().past = wrong.past;
    else
        runs.push_back(wrong);
}

void SpaceMapCheck::tell_runs(const std::vector<WrongRun>& runs, MetaBlock bitmap) {
    constexpr std::uint64_t told = 16; // of one bitmap and kind; the rest in a sum
    for (const Severity severity : {Severity::damage, Severity::leak}) {
        std::uint64_t nr = 0;
        for (const auto& run : runs) {
            if (run.severity != severity || ++nr > told)
                continue;
            const std::uint64_t length = run.past - run.begin;
            add(severity,
                bitmap,
                fmt::format("{} {} has count {}, expected {}{}",
                            map_.unit,
                            run.begin,
                            run.seen,
                            run.expected,
                            length == 1
                                ? ""
                                : fmt::format("; so up to {}, {} counts", run.past - 1, length)));
        }
        if (nr > told)
            add(severity,
                bitmap,
                fmt::format("{} more runs of {}s with counts too {} in this bitmap",
                            nr - told,
                            map_.unit,
                            severity == Severity::leak ? "high" : "low"));
    }
}

void SpaceMapCheck::compare_index_entry(const PageState& state) {
    std::uint32_t used = 0;
    std::uint32_t behind = 0;
    std::uint32_t first_free = state.entries;
    for (std::uint32_t i = 0; i < kEntriesPerBitmap; ++i) {
        const bool is_used = pdata::bitmap_get(state.bytes, i) != 0;
        if (i >= state.entries)
            behind += is_used ? 1U : 0U;
        else if (is_used)
            ++used;
        else if (first_free == state.entries)
            first_free = i;
    }
    nr_used_ += used;
    const auto& entry = state.page.entry;
    if (behind > 0)
        add(Severity::warning,
            entry.bitmap,
            fmt::format("{} counts are set behind the last {}", behind, map_.unit));
    if (entry.nr_free != kEntriesPerBitmap - used)
        add(Severity::warning,
            entry.bitmap,
            fmt::format("the index says that bitmap {} has {} free entries, it has {}{}",
                        state.page.number,
                        entry.nr_free,
                        kEntriesPerBitmap - used,
                        entry.nr_free == state.entries - used
                            ? " with those behind the end: after growing, Linux would not find them"
                            : ""));
    if (entry.none_free_before > first_free)
        add(Severity::warning,
            entry.bitmap,
            fmt::format(
                "the index says that bitmap {} has nothing free before {}; {} is free, or is "
                "the next to come",
                state.page.number,
                entry.none_free_before,
                first_free));
}

void SpaceMapCheck::tell_stale_overflow() {
    add(Severity::warning,
        map_.root.ref_count_root,
        fmt::format("the overflow tree has {} entries for {}s that the bitmaps count themselves",
                    nr_stale_,
                    map_.unit));
}

void SpaceMapCheck::tell_allocated() {
    // More than there are makes the number of free ones wrap around, in the kernel too.
    if (map_.root.nr_allocated != nr_used_)
        add(map_.root.nr_allocated > map_.root.nr_blocks ? Severity::damage : Severity::warning,
            MetaBlock(0),
            fmt::format("the superblock says that {} {}s are in use, the bitmaps say {}",
                        map_.root.nr_allocated,
                        map_.unit,
                        nr_used_));
}

} // namespace thinsnap::thin::check
