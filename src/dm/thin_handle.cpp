#include "dm/thin_handle.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "base/aligned_buffer.hpp"

namespace thinsnap::dm {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kZeroPiece = 1U << 20U;
constexpr auto kSpacePause = std::chrono::milliseconds(20); // between looks for space

constexpr std::uint64_t round_down(std::uint64_t n, std::uint64_t unit) {
    return n / unit * unit;
}

} // namespace

ThinHandle::ThinHandle(Parts parts, std::shared_ptr<OpenThin> thin, OpenDevice how)
    : parts_(std::move(parts))
    , thin_(std::move(thin))
    , how_(how) {}

ThinHandle::~ThinHandle() {
    parts_.closed();
}

void ThinHandle::check_range(std::uint64_t offset, std::uint64_t length, const char* action) const {
    if (offset > how_.size || length > how_.size - offset)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} thin device {}: {} bytes at offset {} end behind its size of "
                                "{} bytes",
                                action,
                                thin_->id.value(),
                                length,
                                offset,
                                how_.size));
}

void ThinHandle::check_change(std::uint64_t offset,
                              std::uint64_t length,
                              const char* action) const {
    if (how_.read_only)
        throw Error(
            Errc::read_only,
            fmt::format("{} thin device {}: opened for reading only", action, thin_->id.value()));
    check_range(offset, length, action);
}

void ThinHandle::read(std::uint64_t offset, std::span<std::byte> into) {
    check_range(offset, into.size(), "reading");
    if (!into.empty())
        thin_->node->read(offset, into);
}

void ThinHandle::write(std::uint64_t offset, std::span<const std::byte> from) {
    check_change(offset, from.size(), "writing");
    if (from.empty())
        return;
    if (offset % kBlock == 0 && from.size() % kBlock == 0) {
        const SharedLock lock(thin_->blocks);
        write_blocks(offset, from);
        return;
    }
    const ExclusiveLock lock(thin_->blocks);
    write_locked(offset, from);
}

void ThinHandle::write_locked(std::uint64_t offset, std::span<const std::byte> from) {
    const std::uint64_t skip = offset % kBlock;
    if (skip != 0) {
        const auto part = from.first(std::min<std::uint64_t>(kBlock - skip, from.size()));
        patch(offset, part);
        offset += part.size();
        from = from.subspan(part.size());
    }
    const auto whole = from.first(round_down(from.size(), kBlock));
    if (!whole.empty())
        write_blocks(offset, whole);
    if (whole.size() < from.size())
        patch(offset + whole.size(), from.subspan(whole.size()));
}

void ThinHandle::patch(std::uint64_t offset, std::span<const std::byte> from) {
    AlignedBuffer block(kBlock);
    const std::uint64_t begin = round_down(offset, kBlock);
    thin_->node->read(begin, block.bytes());
    std::ranges::copy(from, block.bytes().subspan(offset - begin).begin());
    write_blocks(begin, block.bytes());
}

void ThinHandle::write_blocks(std::uint64_t offset, std::span<const std::byte> from) {
    const auto deadline = Clock::now() + parts_.no_space_wait;
    for (bool first = true;; first = false) {
        try {
            thin_->node->write(offset, from);
            return;
        } catch (const SystemError& error) {
            if (error.error() == EIO)
                if (const auto meaning = parts_.explain())
                    throw Error(*meaning);
            if (error.kind() != Errc::no_space || (!first && Clock::now() >= deadline))
                throw;
        }
        if (first)
            // Chunks that a discard freed are free only now; of a full pool in which the discard
            // was passed down, the kernel miscounts until then (sm_disk_get_nr_free()).
            parts_.commit();
        else
            std::this_thread::sleep_for(kSpacePause);
    }
}

void ThinHandle::flush() {
    if (how_.read_only)
        return;
    try {
        thin_->node->flush();
    } catch (const SystemError& error) {
        if (error.kind() != Errc::no_space)
            throw;
        // A pool without space takes a flush for a write to the first chunk, and fails it if that
        // is not mapped. Source: Linux drivers/md/dm-thin.c, process_bio_read_only().
        parts_.commit();
    }
}

void ThinHandle::discard(std::uint64_t offset, std::uint64_t length) {
    check_change(offset, length, "discarding");
    const std::uint64_t chunk = parts_.chunk_size;
    const std::uint64_t begin = round_down(offset + chunk - 1, chunk);
    const std::uint64_t end = round_down(offset + length, chunk);
    if (begin >= end)
        return;
    const SharedLock lock(thin_->blocks); // or a part's old bytes would be written back
    parts_.unmap(begin, end);
}

/// The kernel has no call for that: a block of each chunk is written as it is.
void ThinHandle::allocate(std::uint64_t offset, std::uint64_t length) {
    check_change(offset, length, "allocating on");
    if (length == 0)
        return;
    const ExclusiveLock lock(thin_->blocks); // nobody writes the block meanwhile
    for (std::uint64_t chunk = round_down(offset, parts_.chunk_size); chunk < offset + length;
         chunk += parts_.chunk_size)
        patch(chunk, {});
}

void ThinHandle::write_zeros(std::uint64_t offset, std::uint64_t length) {
    discard(offset, length);
    const std::uint64_t chunk = parts_.chunk_size;
    const std::uint64_t end = offset + length;
    const std::uint64_t whole_begin = std::min(round_down(offset + chunk - 1, chunk), end);
    const std::uint64_t whole_end = std::max(round_down(end, chunk), whole_begin);
    const ExclusiveLock lock(thin_->blocks);
    zero_part(offset, whole_begin - offset);
    zero_part(whole_end, end - whole_end);
}

/// What reads as zeros already takes no space.
void ThinHandle::zero_part(std::uint64_t offset, std::uint64_t length) {
    AlignedBuffer buffer(std::min(length, kZeroPiece));
    while (length > 0) {
        const auto piece = buffer.bytes().first(std::min<std::uint64_t>(length, kZeroPiece));
        thin_->node->read(offset, piece);
        if (std::ranges::any_of(piece, [](std::byte b) { return b != std::byte{0}; })) {
            std::ranges::fill(piece, std::byte{0});
            write_locked(offset, piece);
        }
        offset += piece.size();
        length -= piece.size();
    }
}

} // namespace thinsnap::dm
