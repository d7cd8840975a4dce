#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <thinsnap/types.hpp>

#include "base/uuid.hpp"

/// \file
/// A journal file: a header, then frames, then zeros that are headroom. thinsnap-journal(5).
///
///     header  64 bytes
///       0  magic "tsjourn\n"   8  version u32   12 header size u32   16 pool uuid
///      32  generation u64     40  zeros        60 crc32c of bytes 0..59
///     frame   32 bytes and payload, padded with zeros to 8
///       0  magic u32   4 payload length u32   8 transaction id u64   16 number u32   20 kind u32
///      24  crc32c of the payload              28 crc32c of bytes 0..27
///
/// A frame's checksums start from the header's own, which covers uuid and generation: a copy of a
/// frame of another journal, or bytes made to look like one (a manifest may hold anything), is
/// none.

namespace thinsnap::journal {

inline constexpr std::size_t kHeaderSize = 64;
inline constexpr std::size_t kFrameHeaderSize = 32;
inline constexpr std::size_t kFrameAlignment = 8;
inline constexpr std::uint32_t kVersion = 1;
/// A frame's payload; more than that is damage.
inline constexpr std::size_t kMaxPayload = 64U << 20U;

struct Header {
    Uuid pool{};                  ///< of the pool; zeros for one that has none
    std::uint64_t generation = 1; ///< one more with each checkpoint
    friend bool operator==(const Header&, const Header&) = default;
};

using HeaderBytes = std::array<std::byte, kHeaderSize>;
[[nodiscard]] HeaderBytes pack(const Header& header);
/// \throws Error(corrupt)      no journal, or damaged
/// \throws Error(unsupported)  a version that is not known
[[nodiscard]] Header unpack_header(std::span<const std::byte> bytes);
/// Where the checksums of the frames start from.
[[nodiscard]] std::uint32_t frame_seed(const Header& header);

/// What a frame is for. Persisted: append only.
enum class FrameKind : std::uint32_t {
    checkpoint = 1, ///< a part of the state with which a file begins
    change = 2,     ///< one transaction: one append
    abort = 3,      ///< the frame before it was not carried out
};

struct FrameHeader {
    std::uint32_t length = 0; ///< of the payload, bytes
    TransactionId transaction;
    std::uint32_t number = 0; ///< in its file, from 1
    FrameKind kind = FrameKind::change;
};

/// A whole frame, ready to be appended.
[[nodiscard]] std::vector<std::byte>
pack_frame(const FrameHeader& header, std::span<const std::byte> payload, std::uint32_t seed);

[[nodiscard]] constexpr std::size_t frame_size(std::size_t payload) {
    return kFrameHeaderSize + (payload + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

/// A frame as it stands in a file.
struct Frame {
    FrameHeader header;
    std::size_t offset = 0; ///< of the frame, in the file
    std::span<const std::byte> payload;
    [[nodiscard]] std::size_t end() const { return offset + frame_size(payload.size()); }
};

/// The frame at that place; nothing where there is no valid one.
/// \param file  the file from its beginning; `offset` is a multiple of 8
[[nodiscard]] std::optional<Frame>
find_frame(std::span<const std::byte> file, std::size_t offset, std::uint32_t seed);

} // namespace thinsnap::journal
