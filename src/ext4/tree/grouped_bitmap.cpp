#include "ext4/tree/grouped_bitmap.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "ext4/tree/bit_range.hpp"

namespace thinsnap::ext4::tree {

GroupedBitmap::GroupedBitmap(BitmapSource& source,
                             std::uint32_t per_group,
                             std::uint32_t chunk_units)
    : source_(source)
    , per_group_(per_group)
    , chunk_units_(chunk_units) {
    TS_ASSERT(per_group % 64 == 0 && chunk_units > 0);
}

GroupedBitmap::Group& GroupedBitmap::group_at(std::uint32_t number) {
    std::unique_ptr<Group>& group = groups_[number];
    if (!group) {
        auto loaded = std::make_unique<Group>();
        loaded->words.resize(per_group_ / 64);
        source_.load(number, loaded->words);
        loaded->units = source_.units_in(number);
        fill_bits(loaded->words, loaded->units, per_group_, true);
        loaded->free = loaded->units - count_bits(loaded->words, loaded->units);
        loaded->before = loaded->words;
        group = std::move(loaded);
    }
    return *group;
}

bool GroupedBitmap::may_have(std::uint32_t number, std::uint32_t units) const {
    const auto found = groups_.find(number);
    const bool loaded = found != groups_.end() && found->second;
    return (loaded ? found->second->free : source_.free_in(number)) >= units;
}

void GroupedBitmap::mark(Group& group, UnitRun in_group, bool used) {
    const auto from = static_cast<std::uint32_t>(in_group.start);
    fill_bits(group.words, from, from + in_group.count, used);
    group.free = used ? group.free - in_group.count : group.free + in_group.count;
}

std::optional<UnitRun> GroupedBitmap::find_chunks(std::uint32_t number, std::uint32_t most) {
    Group& group = group_at(number);
    const std::uint32_t into = source_.into_chunk(number) % chunk_units_;
    const auto chunk_from = [&](std::uint32_t unit) {
        return (unit + into + chunk_units_ - 1) / chunk_units_ * chunk_units_ - into;
    };
    std::uint32_t start = chunk_from(cursor_unit_);
    while (start + chunk_units_ <= group.units) {
        const std::uint32_t limit =
            start + std::min(std::max(most / chunk_units_, 1U) * chunk_units_,
                             (group.units - start) / chunk_units_ * chunk_units_);
        const std::uint32_t end = find_bit(group.words, start, limit, true);
        const std::uint32_t whole = (end - start) / chunk_units_ * chunk_units_;
        if (whole > 0) {
            cursor_unit_ = start + whole;
            return UnitRun{start, whole};
        }
        start += chunk_units_;
    }
    return std::nullopt;
}

std::optional<UnitRun> GroupedBitmap::take_chunks(std::uint32_t most) {
    for (;;) {
        for (; cursor_group_ < source_.group_count(); ++cursor_group_, cursor_unit_ = 0) {
            if (!may_have(cursor_group_, chunk_units_))
                continue;
            if (auto run = find_chunks(cursor_group_, most)) {
                mark(group_at(cursor_group_), *run, true);
                run->start += std::uint64_t{cursor_group_} * per_group_;
                return run;
            }
        }
        if (!look_again_)
            return std::nullopt;
        look_again_ = false;
        cursor_group_ = 0;
        cursor_unit_ = 0;
    }
}

std::optional<UnitRun> GroupedBitmap::take_any(std::uint32_t most) {
    for (; any_group_ < source_.group_count(); ++any_group_) {
        if (!may_have(any_group_, 1))
            continue;
        Group& group = group_at(any_group_);
        const std::uint32_t start = find_bit(group.words, 0, group.units, false);
        if (start == group.units)
            continue;
        const std::uint32_t limit =
            std::min(group.units, start + std::min(most, group.units - start));
        UnitRun run{start, find_bit(group.words, start, limit, true) - start};
        mark(group, run, true);
        run.start += std::uint64_t{any_group_} * per_group_;
        return run;
    }
    return std::nullopt;
}

std::optional<UnitRun> GroupedBitmap::take_rest_of_chunk(std::uint64_t unit) {
    const auto number = static_cast<std::uint32_t>(unit / per_group_);
    const auto start = static_cast<std::uint32_t>(unit % per_group_);
    const std::uint32_t into = source_.into_chunk(number) % chunk_units_;
    Group& group = group_at(number);
    const std::uint32_t end =
        std::min(group.units, ((start + into) / chunk_units_ + 1) * chunk_units_ - into);
    if (find_bit(group.words, start, end, true) != end)
        return std::nullopt;
    mark(group, {start, end - start}, true);
    return UnitRun{unit, end - start};
}

void GroupedBitmap::check_range(UnitRun run) const {
    const std::uint64_t group = run.start / per_group_;
    const std::uint64_t in_group = run.start % per_group_;
    if (group >= source_.group_count() ||
        in_group + run.count > source_.units_in(static_cast<std::uint32_t>(group)))
        throw Error(
            Errc::corrupt,
            fmt::format("freeing {} units at {}: outside the file system", run.count, run.start));
}

void GroupedBitmap::untake(UnitRun run) {
    while (run.count > 0) {
        const auto in_group = static_cast<std::uint32_t>(run.start % per_group_);
        const UnitRun part{run.start, std::min(run.count, per_group_ - in_group)};
        check_range(part);
        Group& group = group_at(static_cast<std::uint32_t>(run.start / per_group_));
        if (find_bit(group.words, in_group, in_group + part.count, false) != in_group + part.count)
            throw Error(Errc::corrupt,
                        fmt::format("freeing {} units at {}: some are free already",
                                    part.count,
                                    part.start));
        mark(group, {in_group, part.count}, false);
        any_group_ = std::min(any_group_, static_cast<std::uint32_t>(run.start / per_group_));
        look_again_ = true;
        run.start += part.count;
        run.count -= part.count;
    }
}

void GroupedBitmap::give_back(UnitRun run) {
    untake(run);
    const std::uint64_t last = (run.start + run.count - 1) / chunk_units_;
    for (std::uint64_t chunk = run.start / chunk_units_; chunk <= last; ++chunk)
        freed_.insert(chunk);
}

bool GroupedBitmap::is_used(std::uint64_t unit) {
    const auto in_group = static_cast<std::uint32_t>(unit % per_group_);
    Group& group = group_at(static_cast<std::uint32_t>(unit / per_group_));
    return find_bit(group.words, in_group, in_group + 1, true) == in_group;
}

std::vector<UnitRun> GroupedBitmap::freed_chunks() {
    std::vector<UnitRun> runs;
    for (const std::uint64_t chunk : freed_) {
        const std::uint64_t start = chunk * chunk_units_;
        const auto in_group = static_cast<std::uint32_t>(start % per_group_);
        const Group& group = group_at(static_cast<std::uint32_t>(start / per_group_));
        const std::uint32_t end = in_group + chunk_units_;
        if (end > group.units || find_bit(group.words, in_group, end, true) != end)
            continue;
        if (!runs.empty() && runs.back().start + runs.back().count == start)
            runs.back().count += chunk_units_;
        else
            runs.push_back({start, chunk_units_});
    }
    return runs;
}

GroupedBitmap::Changes GroupedBitmap::drain_changes() {
    Changes changes;
    std::vector<std::uint64_t> differing(per_group_ / 64);
    for (auto& [number, group] : groups_) {
        for (std::size_t i = 0; i < differing.size(); ++i)
            differing[i] = group->words[i] ^ group->before[i];
        for (std::uint32_t at = find_bit(differing, 0, group->units, true); at < group->units;) {
            const bool used = find_bit(group->words, at, at + 1, true) == at;
            const std::uint32_t end = std::min(find_bit(differing, at, group->units, false),
                                               find_bit(group->words, at, group->units, !used));
            (used ? changes.taken : changes.freed)
                .push_back({std::uint64_t{number} * per_group_ + at, end - at});
            at = find_bit(differing, end, group->units, true);
        }
        group->before = group->words;
    }
    return changes;
}

void GroupedBitmap::forget() {
    groups_.clear();
    any_group_ = 0;
    look_again_ = true;
}

} // namespace thinsnap::ext4::tree
