#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"
#include "engine/thin_device.hpp"

// Writes that take new chunks.

namespace thinsnap::engine {

namespace {

using Mode = RangeLock::Mode;

constexpr std::uint64_t kEntriesPerLeaf = 84; // of a mapping tree, at least

} // namespace

void ThinDevice::place(std::uint64_t offset, std::span<const std::byte> data) {
    const std::uint64_t align = parts_.backing.device().alignment();
    const Span span = span_of(offset, data);
    if (offset % align == 0 && data.size() % align == 0) {
        place(span, [&] { return try_place(span); });
        return;
    }
    // Less than one block of the data device: the rest of the block stays.
    AlignedBuffer block(align);
    const std::uint64_t begin = offset / align * align;
    place(span, [&] {
        read_locked(begin, block.bytes());
        std::ranges::copy(data, block.bytes().subspan(offset - begin).begin());
        return try_place(span_of(begin, block.bytes()));
    });
}

void ThinDevice::place(const Span& span, const std::function<Outcome()>& try_once) {
    const auto deadline = std::chrono::steady_clock::now() + parts_.no_space_wait;
    bool last_try = false; // others may take what becomes free, again and again
    for (;;) {
        const std::uint64_t seen = parts_.store.space_events();
        Outcome outcome = Outcome::done;
        {
            const RangeLock::Guard guard(state_->ranges, span.begin, span.end, Mode::exclusive);
            outcome = try_once();
        }
        if (outcome == Outcome::done)
            return;
        if (outcome == Outcome::commit_first)
            parts_.store.commit();
        else if (last_try || !parts_.store.wait_for_space(seen, deadline))
            refuse_no_space();
        else
            last_try = std::chrono::steady_clock::now() >= deadline;
    }
}

void ThinDevice::allocate(std::uint64_t offset, std::uint64_t length) {
    check_writable("allocating on");
    check_range(offset, length, "allocating on");
    parts_.store.require_writable();
    const std::uint64_t end = (offset + length + chunk_size_ - 1) / chunk_size_;
    for (std::uint64_t chunk = offset / chunk_size_; length != 0 && chunk < end; ++chunk) {
        const Span nothing{chunk * chunk_size_, {}, chunk, chunk + 1};
        place(nothing, [&] { return try_place(nothing); });
    }
}

ThinDevice::Outcome ThinDevice::try_place(const Span& span) {
    if (write_in_place_locked(span))
        return Outcome::done;
    std::vector<Target> targets;
    parts_.store.need_metadata_room((span.end - span.begin) / kEntriesPerLeaf + 2);
    const Outcome outcome = plan(span, targets);
    if (outcome != Outcome::done)
        return outcome;
    try {
        ensure_space(targets);
        write_targets(span, targets);
        map_targets(span, targets);
    } catch (const Error& error) {
        cancel(targets);
        if (error.kind() != Errc::no_space || parts_.store.mode() == PoolMode::read_only)
            throw;
        parts_.store.out_of_data(error.what()); // the host's disk is full: as if the pool were
        return Outcome::no_space;
    } catch (...) {
        cancel(targets);
        throw;
    }
    return Outcome::done;
}

ThinDevice::Outcome ThinDevice::plan(const Span& span, std::vector<Target>& targets) {
    Outcome outcome = Outcome::done;
    parts_.store.change([&](thin::PoolMetadata& metadata) {
        for (std::uint64_t chunk = span.begin; chunk < span.end; ++chunk) {
            const auto plan = metadata.plan_write(state_->id, VirtualChunk(chunk));
            if (plan.kind == thin::WritePlan::Kind::commit_first) {
                outcome = Outcome::commit_first;
                return;
            }
            if (plan.kind == thin::WritePlan::Kind::in_place)
                parts_.store.mappings().put(state_->instance, VirtualChunk(chunk), plan.mapping);
            targets.push_back({plan, plan.mapping.chunk});
        }
        if (metadata.is_dirty())
            state_->changed_in = parts_.store.transaction();
        if (!reserve(metadata, targets))
            outcome = Outcome::no_space;
    });
    return outcome;
}

bool ThinDevice::reserve(thin::PoolMetadata& metadata, std::vector<Target>& targets) {
    std::vector<Target*> wanting;
    for (Target& target : targets)
        if (target.is_new())
            wanting.push_back(&target);
    std::vector<pdata::ChunkRun> runs;
    const auto give_up = [&] {
        for (const pdata::ChunkRun taken : runs)
            metadata.cancel_data(taken);
    };
    for (std::size_t have = 0; have < wanting.size();) {
        std::optional<pdata::ChunkRun> run;
        try {
            run = metadata.reserve_data(wanting.size() - have);
        } catch (...) {
            give_up();
            throw;
        }
        if (!run) {
            give_up();
            return false;
        }
        runs.push_back(*run);
        for (std::uint64_t i = 0; i < run->length; ++i)
            wanting[have++]->chunk = run->begin + i;
    }
    return true;
}

void ThinDevice::cancel(const std::vector<Target>& targets) noexcept {
    try {
        parts_.store.change_to_free([&](thin::PoolMetadata& metadata) {
            for (const Target& target : targets)
                if (target.is_new() && !target.mapped)
                    metadata.cancel_data({target.chunk, 1});
        });
    } catch (
        ...) { // NOLINT(bugprone-empty-catch) then the reservations went with their transaction
    }
}

void ThinDevice::ensure_space(const std::vector<Target>& targets) {
    for (std::size_t i = 0; i < targets.size();) {
        std::size_t end = i + 1;
        while (end < targets.size() && targets[end].is_new() == targets[i].is_new() &&
               targets[end].chunk == targets[i].chunk + (end - i))
            ++end;
        if (targets[i].is_new())
            parts_.backing.ensure({targets[i].chunk, end - i});
        i = end;
    }
}

void ThinDevice::write_targets(const Span& span, const std::vector<Target>& targets) {
    const std::uint64_t span_end = span.offset + span.data.size();
    const auto part_of =
        [&](std::size_t i) { // what of the span lies in that chunk, in device bytes
            const std::uint64_t begin = (span.begin + i) * chunk_size_;
            return std::pair(std::max(begin, span.offset), std::min(begin + chunk_size_, span_end));
        };
    const auto direct = [&](std::size_t i) {
        const auto [from, to] = part_of(i);
        return !targets[i].is_new() || to - from == chunk_size_;
    };
    for (std::size_t i = 0; i < targets.size();) {
        const auto [from, first_end] = part_of(i);
        const std::uint64_t skip = from % chunk_size_;
        if (!direct(i)) {
            parts_.backing.fill(targets[i].chunk,
                                targets[i].old_chunk(),
                                skip,
                                span.data.subspan(from - span.offset, first_end - from));
            ++i;
            continue;
        }
        std::size_t end = i + 1;
        while (end < targets.size() && direct(end) &&
               targets[end].chunk == targets[i].chunk + (end - i))
            ++end;
        const std::uint64_t to = part_of(end - 1).second;
        parts_.backing.write(
            targets[i].chunk, skip, span.data.subspan(from - span.offset, to - from));
        i = end;
    }
}

void ThinDevice::map_targets(const Span& span, std::vector<Target>& targets) {
    if (std::ranges::none_of(targets, &Target::is_new))
        return;
    parts_.store.change([&](thin::PoolMetadata& metadata) {
        state_->changed_in = parts_.store.transaction();
        for (std::size_t i = 0; i < targets.size(); ++i) {
            if (!targets[i].is_new())
                continue;
            const VirtualChunk chunk(span.begin + i);
            const auto mapping = metadata.map(state_->id, chunk, targets[i].chunk);
            targets[i].mapped = true;
            parts_.store.mappings().put(state_->instance, chunk, mapping);
        }
    });
    if (parts_.store.mode() == PoolMode::out_of_data_space)
        parts_.store.space_added();
}

void ThinDevice::refuse_no_space() {
    std::string text;
    parts_.store.ask([&](const thin::PoolMetadata& metadata) {
        const auto& map = metadata.data_map();
        text = fmt::format("writing thin device {}: no data space: {} of {} chunks of {} bytes are "
                           "in use",
                           state_->id.value(),
                           map.nr_allocated(),
                           map.nr_chunks(),
                           chunk_size_);
    });
    parts_.store.out_of_data(text + "; use `thinsnap pool grow`, or delete devices");
    throw Error(Errc::no_space, fmt::format("{}; {}", text, parts_.store.reason()));
}

} // namespace thinsnap::engine
