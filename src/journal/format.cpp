#include "journal/format.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/endian.hpp"

namespace thinsnap::journal {

namespace {

constexpr std::string_view kMagic = "tsjourn\n";
constexpr std::uint32_t kFrameMagic = 0x4D465354; // "TSFM"

constexpr std::size_t kHeaderChecksum = kHeaderSize - 4;
constexpr std::size_t kFrameChecksum = kFrameHeaderSize - 4;

} // namespace

HeaderBytes pack(const Header& header) {
    HeaderBytes bytes{};
    const std::span all(bytes);
    std::ranges::copy(std::as_bytes(std::span(kMagic)), bytes.begin());
    store_le<std::uint32_t>(all, 8, kVersion);
    store_le<std::uint32_t>(all, 12, kHeaderSize);
    std::ranges::copy(header.pool, all.subspan(16).begin());
    store_le<std::uint64_t>(all, 32, header.generation);
    store_le<std::uint32_t>(all, kHeaderChecksum, crc32c_raw(all.first(kHeaderChecksum)));
    return bytes;
}

Header unpack_header(std::span<const std::byte> bytes) {
    if (bytes.size() < kHeaderSize)
        throw Error(Errc::corrupt,
                    fmt::format("{} bytes, a journal has at least {}", bytes.size(), kHeaderSize));
    if (!std::ranges::equal(bytes.first(kMagic.size()), std::as_bytes(std::span(kMagic))))
        throw Error(Errc::corrupt, "not a journal of thinsnap (the magic at offset 0 differs)");
    const auto version = load_le<std::uint32_t>(bytes, 8);
    if (version != kVersion)
        throw Error(Errc::unsupported,
                    fmt::format("a journal of version {}, this program knows version {}",
                                version,
                                kVersion));
    const std::uint32_t seen = load_le<std::uint32_t>(bytes, kHeaderChecksum);
    const std::uint32_t computed = crc32c_raw(bytes.first(kHeaderChecksum));
    if (seen != computed)
        throw Error(
            Errc::corrupt,
            fmt::format("header at offset 0: checksum {:08x}, expected {:08x}", seen, computed));
    if (load_le<std::uint32_t>(bytes, 12) != kHeaderSize)
        throw Error(Errc::corrupt,
                    fmt::format("header at offset 0: size {}, expected {}",
                                load_le<std::uint32_t>(bytes, 12),
                                kHeaderSize));
    Header header;
    std::ranges::copy(bytes.subspan(16, header.pool.size()), header.pool.begin());
    header.generation = load_le<std::uint64_t>(bytes, 32);
    return header;
}

std::uint32_t frame_seed(const Header& header) {
    const HeaderBytes bytes = pack(header);
    return load_le<std::uint32_t>(bytes, kHeaderChecksum);
}

std::vector<std::byte>
pack_frame(const FrameHeader& header, std::span<const std::byte> payload, std::uint32_t seed) {
    TS_ASSERT(payload.size() <= kMaxPayload);
    std::vector<std::byte> bytes(frame_size(payload.size()));
    const std::span all(bytes);
    store_le<std::uint32_t>(all, 0, kFrameMagic);
    store_le<std::uint32_t>(all, 4, static_cast<std::uint32_t>(payload.size()));
    store_le<std::uint64_t>(all, 8, header.transaction.value());
    store_le<std::uint32_t>(all, 16, header.number);
    store_le<std::uint32_t>(all, 20, static_cast<std::uint32_t>(header.kind));
    store_le<std::uint32_t>(all, 24, crc32c_raw(payload, seed));
    store_le<std::uint32_t>(all, kFrameChecksum, crc32c_raw(all.first(kFrameChecksum), seed));
    std::ranges::copy(payload, all.subspan(kFrameHeaderSize).begin());
    return bytes;
}

std::optional<Frame>
find_frame(std::span<const std::byte> file, std::size_t offset, std::uint32_t seed) {
    if (offset > file.size() || file.size() - offset < kFrameHeaderSize)
        return std::nullopt;
    const auto header = file.subspan(offset, kFrameHeaderSize);
    if (load_le<std::uint32_t>(header, 0) != kFrameMagic ||
        load_le<std::uint32_t>(header, kFrameChecksum) !=
            crc32c_raw(header.first(kFrameChecksum), seed))
        return std::nullopt;
    Frame frame;
    frame.offset = offset;
    frame.header.length = load_le<std::uint32_t>(header, 4);
    frame.header.transaction = TransactionId(load_le<std::uint64_t>(header, 8));
    frame.header.number = load_le<std::uint32_t>(header, 16);
    frame.header.kind = static_cast<FrameKind>(load_le<std::uint32_t>(header, 20));
    if (frame.header.length > kMaxPayload || file.size() - offset < frame_size(frame.header.length))
        return std::nullopt;
    frame.payload = file.subspan(offset + kFrameHeaderSize, frame.header.length);
    if (load_le<std::uint32_t>(header, 24) != crc32c_raw(frame.payload, seed))
        return std::nullopt;
    return frame;
}

} // namespace thinsnap::journal
