#include "base/digest.hpp"

#include <cstring>
#include <new>

#include <fmt/core.h>
#include <openssl/evp.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::string_view kDigits = "0123456789abcdef";

void expect_success(int result) {
    if (result != 1)
        throw Error(Errc::internal, "libcrypto refuses to compute a sha256");
}

Error no_digest(std::string_view text) {
    return {Errc::invalid_argument,
            fmt::format("'{}' is no digest: expected sha256: and 64 lower-case hex digits",
                        text.substr(0, 100))};
}

unsigned nibble(char digit, std::string_view text) {
    const auto value = kDigits.find(digit);
    if (value == std::string_view::npos)
        throw no_digest(text);
    return static_cast<unsigned>(value);
}

} // namespace

Digest Digest::parse(std::string_view text) {
    for (const std::string_view other : {"sha512:", "sha384:", "blake3:"})
        if (text.starts_with(other))
            throw Error(Errc::unsupported,
                        fmt::format("digest '{}': only sha256 is supported", text.substr(0, 150)));
    if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 2 * kSize)
        throw no_digest(text);
    const std::string_view digits = text.substr(kPrefix.size());
    Bytes bytes{};
    for (std::size_t i = 0; i < kSize; ++i)
        bytes[i] = static_cast<std::byte>(nibble(digits[2 * i], text) << 4U |
                                          nibble(digits[2 * i + 1], text));
    return Digest(bytes);
}

Digest Digest::of(std::span<const std::byte> bytes) {
    Sha256 sum;
    sum.update(bytes);
    return sum.finish();
}

Digest Digest::of(std::string_view text) {
    return of(std::as_bytes(std::span(text)));
}

std::string Digest::to_string() const {
    return std::string(kPrefix) + hex();
}

std::string Digest::hex() const {
    std::string text;
    text.reserve(2 * kSize);
    for (const std::byte b : bytes_) {
        text += kDigits[std::to_integer<std::size_t>(b >> 4U)];
        text += kDigits[std::to_integer<std::size_t>(b & std::byte{0x0F})];
    }
    return text;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
    EVP_MD_CTX_free(context);
}

Sha256::Sha256()
    : context_(EVP_MD_CTX_new()) {
    if (!context_)
        throw std::bad_alloc();
    begin();
}

void Sha256::begin() {
    expect_success(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::update(std::span<const std::byte> bytes) {
    expect_success(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

Digest Sha256::finish() {
    std::array<unsigned char, Digest::kSize> raw{};
    expect_success(EVP_DigestFinal_ex(context_.get(), raw.data(), nullptr));
    Digest::Bytes bytes{};
    std::memcpy(bytes.data(), raw.data(), raw.size());
    begin();
    return Digest(bytes);
}

Digest chain_id(const std::optional<Digest>& parent, const Digest& diff_id) {
    if (!parent)
        return diff_id;
    return Digest::of(parent->to_string() + ' ' + diff_id.to_string());
}

} // namespace thinsnap

std::size_t std::hash<thinsnap::Digest>::operator()(const thinsnap::Digest& digest) const noexcept {
    std::size_t value = 0; // the digest's own bytes are as good as any hash of them
    std::memcpy(&value, digest.bytes().data(), sizeof value);
    return value;
}
