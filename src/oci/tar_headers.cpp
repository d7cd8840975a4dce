#include "oci/tar_headers.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::oci {

namespace {

/// Field of a header. POSIX.1-2017, pax, "ustar Interchange Format".
struct Field {
    std::size_t offset;
    std::size_t length;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 6};
constexpr Field kPrefix{345, 155};
// GNU tar, tar.h, struct oldgnu_header and struct sparse_header
constexpr std::size_t kGnuIsExtended = 482;
constexpr std::size_t kGnuSparseIsExtended = 504;

constexpr std::uint64_t kMaxExtension = std::uint64_t{1} << 20U;

using HeaderBytes = std::span<const std::byte, kTarBlock>;

/// The field's bytes up to the first NUL.
std::string text(HeaderBytes header, Field field) {
    std::string value;
    for (const std::byte b : header.subspan(field.offset, field.length)) {
        if (b == std::byte{0})
            break;
        value += static_cast<char>(b);
    }
    return value;
}

std::optional<std::uint64_t> octal(HeaderBytes header, Field field) {
    std::string digits = text(header, field);
    digits.erase(0, digits.find_first_not_of(' '));
    digits.erase(std::min(digits.find(' '), digits.size()));
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, value, 8);
    if (digits.empty())
        return 0;
    if (result.ec != std::errc() || result.ptr != end)
        return std::nullopt;
    return value;
}

/// Octal, or GNU's base 256: the first bit set, the rest a number in big-endian order.
std::optional<std::uint64_t> number(HeaderBytes header, Field field) {
    const auto bytes = header.subspan(field.offset, field.length);
    if ((bytes[0] & std::byte{0x80}) == std::byte{0})
        return octal(header, field);
    std::uint64_t value = std::to_integer<std::uint64_t>(bytes[0] & std::byte{0x7F});
    for (const std::byte b : bytes.subspan(1)) {
        if (value >> 55U != 0)
            return std::nullopt;
        value = value << 8U | std::to_integer<std::uint64_t>(b);
    }
    return value;
}

bool is_zero(HeaderBytes block) {
    return std::ranges::all_of(block, [](std::byte b) { return b == std::byte{0}; });
}

bool has_right_checksum(HeaderBytes header) {
    std::uint64_t sum = 0;
    std::int64_t signed_sum = 0; // some old tars summed up signed characters
    for (std::size_t i = 0; i < kTarBlock; ++i) {
        const bool in_field = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
        const std::byte b = in_field ? std::byte{' '} : header[i];
        sum += std::to_integer<std::uint64_t>(b);
        signed_sum += std::to_integer<signed char>(b);
    }
    const auto expected = octal(header, kChecksum);
    return expected && (*expected == sum || static_cast<std::int64_t>(*expected) == signed_sum);
}

std::string header_name(HeaderBytes header) {
    std::string name = text(header, kName);
    if (text(header, kMagic) != "ustar") // GNU's magic is "ustar  ": no prefix there
        return name;
    const std::string prefix = text(header, kPrefix);
    return prefix.empty() ? name : prefix + '/' + name;
}

bool has_content(char type) {
    return std::string_view("123456").find(type) == std::string_view::npos;
}

} // namespace

bool is_tar_header(std::span<const std::byte, kTarBlock> block) {
    return is_zero(block) || has_right_checksum(block);
}

void TarHeaders::fail(const std::string& what) const {
    throw Error(Errc::corrupt, fmt::format("tar is damaged at byte {}: {}", at_, what));
}

std::optional<TarHeaders::Block> TarHeaders::read_header() {
    if (at_ == tar_.size)
        return std::nullopt;
    if (tar_.size - at_ < kTarBlock)
        fail(fmt::format("it ends within a header, at byte {}", tar_.size));
    Block block{};
    tar_.file->read(tar_.offset + at_, block);
    if (is_zero(block))
        return std::nullopt;
    if (!has_right_checksum(block))
        fail("no header with a right checksum");
    return block;
}

std::string TarHeaders::read_content(std::uint64_t size) {
    if (size > kMaxExtension)
        fail(
            fmt::format("an extension of {} bytes, more than the {} allowed", size, kMaxExtension));
    if (size > tar_.size - at_)
        fail(fmt::format("an extension of {} bytes goes over the end at {}", size, tar_.size));
    return read_text(tar_.part(at_, size), kMaxExtension);
}

/// POSIX.1-2017, pax, "pax Extended Header": "<length> <key>=<value>\n", the length of all of it.
void TarHeaders::apply_pax(const std::string& records) {
    std::string_view rest = records;
    while (!rest.empty() && rest.front() != '\0') {
        std::size_t length = 0;
        const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), length);
        const auto digits = static_cast<std::size_t>(parsed.ptr - rest.data());
        if (parsed.ec != std::errc() || length > rest.size() || length < digits + 2 ||
            rest[digits] != ' ' || rest[length - 1] != '\n')
            fail("a PAX record has a wrong length");
        const std::string_view record = rest.substr(digits + 1, length - digits - 2);
        rest.remove_prefix(length);
        const auto equals = record.find('=');
        if (equals == std::string_view::npos)
            fail("a PAX record has no '='");
        const std::string_view key = record.substr(0, equals);
        const std::string_view value = record.substr(equals + 1);
        if (key == "path")
            name_ = value;
        else if (key == "linkpath")
            link_ = value;
        else if (key.starts_with("GNU.sparse."))
            sparse_ = true;
        else if (key == "size") {
            std::uint64_t size = 0;
            const auto end = value.data() + value.size();
            const auto number = std::from_chars(value.data(), end, size);
            if (number.ec != std::errc() || number.ptr != end)
                fail("a PAX size is no number");
            size_ = size;
        }
    }
}

void TarHeaders::apply_extension(char type, std::uint64_t size) {
    if (type == 'g') // of no member's name or size
        return;
    std::string content = read_content(size);
    if (type == 'x')
        return apply_pax(content);
    content.erase(std::min(content.find('\0'), content.size()));
    (type == 'L' ? name_ : link_) = std::move(content);
}

void TarHeaders::skip(std::uint64_t size) {
    if (size > tar_.size - at_)
        fail(fmt::format("a member of {} bytes goes over the end at {}", size, tar_.size));
    const std::uint64_t padded = size + (kTarBlock - size % kTarBlock) % kTarBlock;
    at_ = padded > tar_.size - at_ ? tar_.size : at_ + padded;
}

void TarHeaders::skip_sparse_maps(const Block& header) {
    std::byte more = header.at(kGnuIsExtended);
    while (more != std::byte{0}) {
        if (tar_.size - at_ < kTarBlock)
            fail("it ends within a sparse map");
        Block map{};
        tar_.file->read(tar_.offset + at_, map);
        at_ += kTarBlock;
        more = map.at(kGnuSparseIsExtended);
    }
}

TarMember TarHeaders::finish(const Block& header, char type, std::uint64_t size) {
    TarMember member;
    member.name = name_ ? std::move(*name_) : header_name(header);
    member.link = link_ ? std::move(*link_) : text(header, kLink);
    member.type = type;
    member.sparse = sparse_ || type == 'S';
    member.size = has_content(type) ? size_.value_or(size) : 0;
    name_.reset();
    link_.reset();
    size_.reset();
    sparse_ = false;
    if (type == 'S')
        skip_sparse_maps(header);
    member.offset = at_;
    skip(member.size);
    return member;
}

std::optional<TarMember> TarHeaders::next() {
    while (const auto header = read_header()) {
        const auto size = number(*header, kSize);
        if (!size)
            fail("a size is no number");
        const char type = static_cast<char>((*header)[kType]);
        at_ += kTarBlock;
        if (type != 'x' && type != 'g' && type != 'L' && type != 'K')
            return finish(*header, type, *size);
        apply_extension(type, *size);
        skip(*size);
    }
    return std::nullopt;
}

} // namespace thinsnap::oci
