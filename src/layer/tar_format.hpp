#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// \file
/// A tar's header block: where its fields stand and how they hold text and numbers.
/// Source: POSIX.1-2017 pax, "ustar Interchange Format"; tar(5) for the fields of GNU tar and star.

namespace thinsnap::layer {

inline constexpr std::size_t kTarBlock = 512;
using TarBlock = std::array<std::byte, kTarBlock>;

/// Bytes [offset, offset + length) of a header.
struct TarField {
    std::size_t offset = 0;
    std::size_t length = 0;
};
inline constexpr TarField kTarName{0, 100};
inline constexpr TarField kTarMode{100, 8};
inline constexpr TarField kTarUid{108, 8};
inline constexpr TarField kTarGid{116, 8};
inline constexpr TarField kTarSize{124, 12};
inline constexpr TarField kTarMtime{136, 12};
inline constexpr TarField kTarChecksum{148, 8};
inline constexpr TarField kTarType{156, 1};
inline constexpr TarField kTarLinkName{157, 100};
inline constexpr TarField kTarMagic{257, 8}; ///< with the version
inline constexpr TarField kTarDeviceMajor{329, 8};
inline constexpr TarField kTarDeviceMinor{337, 8};
inline constexpr TarField kTarPrefix{345, 155};
inline constexpr TarField kStarPrefix{345, 131};
inline constexpr TarField kStarTrailer{508, 4};
inline constexpr TarField kGnuSparse{386, 96}; ///< four pairs of 12 bytes each
inline constexpr TarField kGnuIsExtended{482, 1};
inline constexpr TarField kGnuRealSize{483, 12};
inline constexpr TarField kGnuMoreSparse{0, 504}; ///< of an extension block: 21 pairs
inline constexpr TarField kGnuMoreIsExtended{504, 1};

inline constexpr std::string_view kUstarMagic{"ustar\00000", 8};
inline constexpr std::string_view kGnuMagic{"ustar  \0", 8};

/// Bytes of content are followed by zeros up to a whole block. \return how many
[[nodiscard]] constexpr std::uint64_t tar_padding(std::uint64_t size) {
    return (kTarBlock - size % kTarBlock) % kTarBlock;
}

/// All of the field's bytes.
[[nodiscard]] std::string_view tar_bytes(std::span<const std::byte> block, TarField field);
/// The field up to its first NUL.
[[nodiscard]] std::string_view tar_text(std::span<const std::byte> block, TarField field);

/// An octal number in spaces and NULs (none: 0), or one in base 256.
/// \return nothing when it is neither, or does not fit
[[nodiscard]] std::optional<std::int64_t> tar_number(std::string_view bytes);

/// The header's checksum is right, with its bytes taken as unsigned or, as some old programs did,
/// as signed.
[[nodiscard]] bool has_tar_checksum(const TarBlock& block);
[[nodiscard]] bool is_zero_block(const TarBlock& block);

/// Puts text at the front of a field. It must fit; a name may fill the field without a NUL.
void put_tar_text(TarBlock& block, TarField field, std::string_view text);
/// Puts an octal number with a NUL behind it. \return false when it has too many digits
[[nodiscard]] bool put_tar_number(TarBlock& block, TarField field, std::uint64_t value);
void put_tar_checksum(TarBlock& block);

} // namespace thinsnap::layer
