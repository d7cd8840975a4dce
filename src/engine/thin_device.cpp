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

void ThinDevice::check_writable(const char* action) const {
    if (how_.read_only)
        throw Error(Errc::read_only,
                    fmt::format("{} thin device {}: it was opened for reading only",
                                action,
                                state_->id.value()));
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
    check_writable("writing");
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

// --- the rest ----------------------------------------------------------------------------------

void ThinDevice::flush() {
    if (!how_.read_only)
        parts_.flush(state_->changed_in == parts_.store.transaction());
}

void ThinDevice::discard(std::uint64_t offset, std::uint64_t length) {
    check_writable("discarding on");
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
