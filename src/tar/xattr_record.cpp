#include "tar/xattr_record.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "tar/pax.hpp"

namespace thinsnap::tar {

namespace {

constexpr std::string_view kSchily = "SCHILY.xattr.";
constexpr std::string_view kLibarchive = "LIBARCHIVE.xattr.";
constexpr std::size_t kMaxXattr = std::size_t{64} << 10U; // Linux limits.h, XATTR_SIZE_MAX
constexpr std::size_t kMaxXattrName = 255;                // Linux limits.h, XATTR_NAME_MAX
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decode_url(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        out += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
        i += low >= 0 ? 2 : 0;
    }
    return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
    while (!text.empty() && text.back() == '=')
        text.remove_suffix(1);
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const std::size_t digit = kBase64.find(c);
        if (digit == std::string_view::npos)
            return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xFFU);
        }
    }
    return out;
}

/// What is printable and no part of a record's or this encoding's syntax stays as it is.
std::string encode_url(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c > ' ' && c <= '~' && c != '%' && c != '=')
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

/// Without '=' at its end, as bsdtar has it.
std::string encode_base64(std::string_view bytes) {
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : bytes) {
        bits = bits << 8U | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6)
            out += kBase64[bits >> (count - 6) & 0x3FU];
    }
    if (count > 0)
        out += kBase64[bits << (6 - count) & 0x3FU];
    return out;
}

void validate(const Xattr& xattr) {
    if (xattr.name.empty() || xattr.name.size() > kMaxXattrName ||
        xattr.name.find('\0') != std::string::npos)
        throw Error(Errc::corrupt,
                    fmt::format("an extended attribute with the name {}", in_quotes(xattr.name)));
    if (xattr.value.size() > kMaxXattr)
        throw Error(Errc::corrupt,
                    fmt::format("extended attribute {} has {} bytes, more than {}",
                                in_quotes(xattr.name),
                                xattr.value.size(),
                                kMaxXattr));
}

std::optional<XattrRecord> decode(std::string_view key, std::string_view value) {
    if (key.starts_with(kSchily))
        return XattrRecord{XattrForm::schily,
                           {std::string(key.substr(kSchily.size())), std::string(value)}};
    if (!key.starts_with(kLibarchive))
        return std::nullopt;
    auto decoded = decode_base64(value);
    if (!decoded)
        throw Error(Errc::corrupt, fmt::format("PAX record {} is not in base 64", in_quotes(key)));
    return XattrRecord{XattrForm::libarchive,
                       {decode_url(key.substr(kLibarchive.size())), std::move(*decoded)}};
}

} // namespace

void append_xattr_record(std::string& body, const Xattr& xattr) {
    if (xattr.name.find('=') == std::string::npos)
        append_pax_record(body, fmt::format("{}{}", kSchily, xattr.name), xattr.value);
    else
        append_pax_record(body,
                          fmt::format("{}{}", kLibarchive, encode_url(xattr.name)),
                          encode_base64(xattr.value));
}

std::optional<XattrRecord> read_xattr_record(std::string_view key, std::string_view value) {
    auto record = decode(key, value);
    if (record)
        validate(record->xattr);
    return record;
}

} // namespace thinsnap::tar
