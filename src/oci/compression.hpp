#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/byte_source.hpp"

namespace thinsnap::oci {

/// How a blob or an archive is compressed.
enum class Compression { none, gzip, zstd, xz, bzip2 };
[[nodiscard]] std::string_view to_string(Compression compression) noexcept;

/// Bytes that tell the compression.
inline constexpr std::size_t kMagicSize = 6;

/// What the first bytes say; media types and file names are not to be trusted.
/// \param front  kMagicSize bytes, fewer where there are no more
[[nodiscard]] Compression detect_compression(std::span<const std::byte> front) noexcept;

/// The uncompressed bytes of `in`, to the very end: all members of a gzip file, all frames of
/// zstd, all streams of xz.
///
/// It reads `in` to its end and wants nothing behind the compressed stream.
/// \param in  must outlive the decoder; its Errors pass through
/// \throws Error(corrupt)  by read(): damage, a cut, or garbage behind the end; with the offset
[[nodiscard]] std::unique_ptr<ByteSource> make_decoder(Compression compression, ByteSource& in);

/// Bytes that were read already, then the rest of where they came from.
class PrefixSource final : public ByteSource {
public:
    /// Both must outlive it.
    PrefixSource(std::span<const std::byte> prefix, ByteSource& rest)
        : prefix_(prefix)
        , rest_(rest) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
    [[nodiscard]] std::span<const std::byte> next(std::span<std::byte> scratch) override;

private:
    MemorySource prefix_;
    ByteSource& rest_;
};

} // namespace thinsnap::oci
