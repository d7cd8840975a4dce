#include "engine/thin_device.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"

namespace thinsnap::engine {

namespace {

using Mode = RangeLock::Mode;

constexpr std::uint64_t kPiece = 4U << 20U;      // most that one write locks and maps at once
constexpr std::uint64_t kEntriesPerLeaf = 84;    // of a mapping tree, at least
constexpr std::uint64_t kUnmapAtOnce = 1024;     // mappings between two looks at the locks
constexpr std::uint64_t kZeroPiece = 64U << 10U; // bytes looked at and zeroed at once
constexpr std::uint64_t kForgetSingly = 4096;    // chunks; above, the whole device is forgotten

} // namespace

ThinDevice::ThinDevice(Parts parts,
                       std::shared_ptr<DeviceState> state,
                       OpenDevice how,
                       std::function<void()> closed)
    : parts_(std::move(parts))
    , state_(std::move(state))
    , how_(how)
    , closed_(std::move(closed))
    , chunk_size_(parts_.backing.chunk_size()) {}

ThinDevice::~ThinDevice() {
    closed_();
}

void ThinDevice::check_range(std::uint64_t offset, std::uint64_t length, const char* action) const {
    if (offset > how_.size || length > how_.size - offset)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} thin device {}: {} bytes at offset {} end behind its size of "
                                "{} bytes",
                                action,
                                state_->id.value(),
                                length,
                                offset,
                                how_.size));
}

ThinDevice::Span ThinDevice::span_of(std::uint64_t offset, std::span<const std::byte> data) const {
    return {offset, data, offset / chunk_size_, (offset + data.size() - 1) / chunk_size_ + 1};
}

MappingCache::Entry ThinDevice::resolve(std::uint64_t chunk) {
    const VirtualChunk at(chunk);
    const std::uint64_t instance = state_->instance;
    if (const auto known = parts_.store.mappings().find(instance, at))
        return *known;
    return parts_.store.lookup(state_->id, at, [&](const MappingCache::Entry& found) {
        parts_.store.mappings().put(instance, at, found);
    });
}

// --- reading -----------------------------------------------------------------------------------

void ThinDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    check_range(offset, into.size(), "reading");
    if (into.empty())
        return;
    const std::uint64_t last = (offset + into.size() - 1) / chunk_size_;
    const RangeLock::Guard guard(state_->ranges, offset / chunk_size_, last + 1, Mode::shared);
    read_locked(offset, into);
}

void ThinDevice::read_locked(std::uint64_t offset, std::span<std::byte> into) {
    std::uint64_t chunk = offset / chunk_size_;
    auto entry = resolve(chunk);
    while (!into.empty()) {
        // One run: chunks that are neighbours on the data device too, or are all unmapped.
        const auto first = entry;
        const std::uint64_t skip = offset % chunk_size_;
        std::uint64_t run = 1;
        while (run * chunk_size_ < skip + into.size()) {
            entry = resolve(++chunk);
            if (first ? !entry || entry->chunk != first->chunk + run : entry.has_value())
                break;
            ++run;
        }
        const auto length = std::min<std::uint64_t>(run * chunk_size_ - skip, into.size());
        const auto part = into.first(length);
        if (first)
            parts_.backing.read(first->chunk, skip, part);
        else
            std::ranges::fill(part, std::byte{0});
        into = into.subspan(length);
        offset += length;
    }
}

// --- writing -----------------------------------------------------------------------------------

void ThinDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    if (how_.read_only)
        throw Error(Errc::read_only,
                    fmt::format("writing thin device {}: it was opened for reading only",
                                state_->id.value()));
    check_range(offset, from.size(), "writing");
    parts_.store.require_writable();
    const std::uint64_t align = parts_.backing.device().alignment();
    while (!from.empty()) {
        const std::uint64_t skip = offset % align;
        std::uint64_t part = 0;
        if (skip != 0 || from.size() < align) {
            part = std::min<std::uint64_t>(align - skip, from.size());
            place(offset, from.first(part));
        } else {
            // Cut at a chunk's end, so that no chunk is filled with zeros that are overwritten
            // next.
            const std::uint64_t most = std::max(kPiece, chunk_size_) - offset % chunk_size_;
            part = std::min<std::uint64_t>(from.size() / align * align, most);
            const Span span = span_of(offset, from.first(part));
            if (!write_in_place(span))
                place(offset, span.data);
        }
        from = from.subspan(part);
        offset += part;
    }
}

bool ThinDevice::write_in_place(const Span& span) {
    const RangeLock::Guard guard(state_->ranges, span.begin, span.end, Mode::shared);
    return write_in_place_locked(span);
}

bool ThinDevice::write_in_place_locked(const Span& span) {
    const std::uint32_t own_since = state_->snapshotted_time;
    std::vector<Target> targets;
    targets.reserve(span.end - span.begin);
    for (std::uint64_t chunk = span.begin; chunk < span.end; ++chunk) {
        const auto mapping = resolve(chunk);
        if (!mapping || mapping->time < own_since)
            return false;
        targets.push_back({{thin::WritePlan::Kind::in_place, *mapping}, mapping->chunk});
    }
    write_targets(span, targets);
    return true;
}

void ThinDevice::place(std::uint64_t offset, std::span<const std::byte> data) {
    const auto deadline = std::chrono::steady_clock::now() + parts_.no_space_wait;
    const std::uint64_t align = parts_.backing.device().alignment();
    const bool aligned = offset % align == 0 && data.size() % align == 0;
    bool last_try = false; // others may take what becomes free, again and again
    for (;;) {
        const std::uint64_t seen = parts_.store.space_events();
        Outcome outcome = Outcome::done;
        {
            const Span span = span_of(offset, data);
            const RangeLock::Guard guard(state_->ranges, span.begin, span.end, Mode::exclusive);
            if (aligned) {
                outcome = try_place(span);
            } else { // less than one block of the data device: the rest of the block stays
                AlignedBuffer block(align);
                const std::uint64_t begin = offset / align * align;
                read_locked(begin, block.bytes());
                std::ranges::copy(data, block.bytes().subspan(offset - begin).begin());
                outcome = try_place(span_of(begin, block.bytes()));
            }
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

// --- the rest ----------------------------------------------------------------------------------

void ThinDevice::flush() {
    if (!how_.read_only)
        parts_.flush(state_->changed_in == parts_.store.transaction());
}

void ThinDevice::discard(std::uint64_t offset, std::uint64_t length) {
    if (how_.read_only)
        throw Error(Errc::read_only,
                    fmt::format("discarding on thin device {}: it was opened for reading only",
                                state_->id.value()));
    check_range(offset, length, "discarding on");
    const std::uint64_t begin = (offset + chunk_size_ - 1) / chunk_size_;
    const std::uint64_t end = (offset + length) / chunk_size_;
    if (begin >= end)
        return;
    const RangeLock::Guard guard(state_->ranges, begin, end, Mode::exclusive);
    forget(begin, end); // nobody can look these chunks up again before the guard goes
    std::uint64_t removed = kUnmapAtOnce;
    while (removed == kUnmapAtOnce) {
        static_cast<void>(parts_.store.make_metadata_room(1)); // else the reserve has to do
        parts_.store.change_to_free([&](thin::PoolMetadata& metadata) {
            state_->changed_in = parts_.store.transaction();
            removed =
                metadata.unmap(state_->id, VirtualChunk(begin), VirtualChunk(end), kUnmapAtOnce);
        });
    }
}

void ThinDevice::forget(std::uint64_t begin, std::uint64_t end) {
    if (end - begin > kForgetSingly) {
        state_->instance = parts_.store.mappings().new_instance();
        return;
    }
    for (std::uint64_t chunk = begin; chunk < end; ++chunk)
        parts_.store.mappings().forget(state_->instance, VirtualChunk(chunk));
}

void ThinDevice::allocate(std::uint64_t, std::uint64_t) {
    throw Error(Errc::unsupported, "a thin device's space cannot be allocated ahead of a write");
}

void ThinDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    discard(offset, length);
    const std::uint64_t end = offset + length;
    const std::uint64_t whole_begin =
        std::min((offset + chunk_size_ - 1) / chunk_size_ * chunk_size_, end);
    const std::uint64_t whole_end = std::max(end / chunk_size_ * chunk_size_, whole_begin);
    zero_part(offset, whole_begin - offset);
    zero_part(whole_end, end - whole_end);
}

void ThinDevice::zero_part(std::uint64_t offset, std::uint64_t length) {
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    AlignedBuffer buffer(std::min(length, kZeroPiece));
    while (length > 0) {
        const auto piece = buffer.bytes().first(std::min(length, kZeroPiece));
        read(offset, piece);
        if (!std::ranges::all_of(piece, is_zero)) {
            std::ranges::fill(piece, std::byte{0});
            write(offset, piece);
        }
        offset += piece.size();
        length -= piece.size();
    }
}

} // namespace thinsnap::engine
