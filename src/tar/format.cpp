#include "tar/format.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/assert.hpp"

namespace thinsnap::tar {

namespace {

constexpr std::string_view kPadding{" \0", 2};

std::optional<std::int64_t> octal(std::string_view bytes) {
    const std::size_t first = bytes.find_first_not_of(kPadding);
    if (first == std::string_view::npos)
        return 0;
    bytes = bytes.substr(first, bytes.find_last_not_of(kPadding) + 1 - first);
    std::int64_t value = 0;
    for (const char digit : bytes) {
        if (digit < '0' || digit > '7' || value > std::numeric_limits<std::int64_t>::max() >> 3U)
            return std::nullopt;
        value = value * 8 + (digit - '0');
    }
    return value;
}

/// Two's complement, highest byte first; the topmost bit marks the form, the one below is the sign.
std::optional<std::int64_t> base_256(std::string_view bytes) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const bool negative = (byte(0) & 0x40U) != 0;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    const std::uint64_t sign = value >> 55U;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::uint64_t next = i == 0 ? (byte(0) & 0x7FU) | (negative ? 0x80U : 0U) : byte(i);
        if (value >> 55U != sign)
            return std::nullopt;
        value = value << 8U | next;
    }
    return static_cast<std::int64_t>(value);
}

std::int64_t sum(const Block& block, bool as_signed) {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < block.size(); ++i) {
        const bool in_checksum = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
        const auto byte = std::to_integer<std::uint8_t>(block[i]);
        total += in_checksum ? ' ' : as_signed ? static_cast<std::int8_t>(byte) : int{byte};
    }
    return total;
}

} // namespace

std::string_view field_bytes(std::span<const std::byte> block, Field field) {
    const auto bytes = block.subspan(field.offset, field.length);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) bytes seen as text
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view field_text(std::span<const std::byte> block, Field field) {
    const std::string_view bytes = field_bytes(block, field);
    return bytes.substr(0, bytes.find('\0'));
}

std::optional<std::int64_t> parse_number(std::string_view bytes) {
    if (!bytes.empty() && (static_cast<std::uint8_t>(bytes[0]) & 0x80U) != 0)
        return base_256(bytes);
    return octal(bytes);
}

bool has_checksum(const Block& block) {
    const auto wanted = octal(field_bytes(block, kChecksum));
    return wanted && (*wanted == sum(block, false) || *wanted == sum(block, true));
}

bool is_zero_block(const Block& block) {
    return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

void put_text(Block& block, Field field, std::string_view text) {
    TS_ASSERT(text.size() <= field.length);
    std::memcpy(block.data() + field.offset, text.data(), text.size());
}

bool put_number(Block& block, Field field, std::uint64_t value) {
    for (std::size_t i = field.length - 1; i-- > 0; value >>= 3U)
        block[field.offset + i] = static_cast<std::byte>('0' + (value & 7U));
    block[field.offset + field.length - 1] = std::byte{0};
    return value == 0;
}

void put_checksum(Block& block) {
    // Six digits, a NUL and a space: how it has always been written.
    constexpr Field digits{kChecksum.offset, kChecksum.length - 1};
    const bool fits = put_number(block, digits, static_cast<std::uint64_t>(sum(block, false)));
    TS_ASSERT(fits);
    block[kChecksum.offset + kChecksum.length - 1] = std::byte{' '};
}

} // namespace thinsnap::tar
