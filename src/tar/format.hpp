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

namespace thinsnap::tar {

inline constexpr std::size_t kBlockSize = 512;
using Block = std::array<std::byte, kBlockSize>;

/// Bytes [offset, offset + length) of a header.
struct Field {
    std::size_t offset = 0;
    std::size_t length = 0;
};
inline constexpr Field kName{0, 100};
inline constexpr Field kMode{100, 8};
inline constexpr Field kUid{108, 8};
inline constexpr Field kGid{116, 8};
inline constexpr Field kSize{124, 12};
inline constexpr Field kMtime{136, 12};
inline constexpr Field kChecksum{148, 8};
inline constexpr Field kType{156, 1};
inline constexpr Field kLinkName{157, 100};
inline constexpr Field kMagic{257, 8}; ///< with the version
inline constexpr Field kDeviceMajor{329, 8};
inline constexpr Field kDeviceMinor{337, 8};
inline constexpr Field kPrefix{345, 155};
inline constexpr Field kStarPrefix{345, 131};
inline constexpr Field kStarTrailer{508, 4};
inline constexpr Field kGnuSparse{386, 96}; ///< four pairs of 12 bytes each
inline constexpr Field kGnuIsExtended{482, 1};
inline constexpr Field kGnuRealSize{483, 12};
inline constexpr Field kGnuMoreSparse{0, 504}; ///< of an extension block: 21 pairs
inline constexpr Field kGnuMoreIsExtended{504, 1};

inline constexpr std::string_view kUstarMagic{"ustar\00000", 8};
inline constexpr std::string_view kGnuMagic{"ustar  \0", 8};

/// Bytes of content are followed by zeros up to a whole block. \return how many
[[nodiscard]] constexpr std::uint64_t padding_of(std::uint64_t size) {
    return (kBlockSize - size % kBlockSize) % kBlockSize;
}

/// All of the field's bytes.
[[nodiscard]] std::string_view field_bytes(std::span<const std::byte> block, Field field);
/// The field up to its first NUL.
[[nodiscard]] std::string_view field_text(std::span<const std::byte> block, Field field);

/// An octal number in spaces and NULs (none: 0), or one in base 256.
/// \return nothing when it is neither, or does not fit
[[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view bytes);

/// The header's checksum is right, with its bytes taken as unsigned or, as some old programs did,
/// as signed.
[[nodiscard]] bool has_checksum(const Block& block);
[[nodiscard]] bool is_zero_block(const Block& block);

/// Puts text at the front of a field. It must fit; a name may fill the field without a NUL.
void put_text(Block& block, Field field, std::string_view text);
/// Puts an octal number with a NUL behind it. \return false when it has too many digits
[[nodiscard]] bool put_number(Block& block, Field field, std::uint64_t value);
void put_checksum(Block& block);

} // namespace thinsnap::tar
