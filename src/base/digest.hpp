#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st; // OpenSSL's EVP_MD_CTX

namespace thinsnap {

/// A SHA-256 digest, as blobs, configs, manifests and layers are named: "sha256:<64 hex digits>".
class Digest {
public:
    static constexpr std::size_t kSize = 32;
    using Bytes = std::array<std::byte, kSize>;

    explicit constexpr Digest(const Bytes& bytes)
        : bytes_(bytes) {}

    /// Takes exactly what to_string() gives: lower case, no other algorithm.
    /// \throws Error(unsupported)       another algorithm than sha256
    /// \throws Error(invalid_argument)  no digest
    [[nodiscard]] static Digest parse(std::string_view text);

    /// Of bytes that are all there.
    [[nodiscard]] static Digest of(std::span<const std::byte> bytes);
    [[nodiscard]] static Digest of(std::string_view text);

    [[nodiscard]] constexpr const Bytes& bytes() const noexcept { return bytes_; }

    /// "sha256:0123...": 71 characters.
    [[nodiscard]] std::string to_string() const;
    /// The 64 digits alone, as blobs are named in an image layout: safe as a file name.
    [[nodiscard]] std::string hex() const;

    // NOLINTNEXTLINE(modernize-use-nullptr) the check takes the comparison with 0 for a pointer's
    friend constexpr auto operator<=>(const Digest&, const Digest&) = default;

private:
    Bytes bytes_;
};

/// Computes a digest of bytes that come piece by piece. Moved from, it can only be destroyed.
class Sha256 {
public:
    Sha256();
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(Sha256&&) noexcept = default;
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    ~Sha256() = default;

    void update(std::span<const std::byte> bytes);

    /// Of all bytes so far; afterwards it begins anew.
    [[nodiscard]] Digest finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    void begin();

    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// The chainID of a layer with `diff_id` on a parent with the chainID `parent` (none: at the
/// bottom). Source: OCI image specification, config.md, "Layer ChainID".
[[nodiscard]] Digest chain_id(const std::optional<Digest>& parent, const Digest& diff_id);

} // namespace thinsnap

template <>
struct std::hash<thinsnap::Digest> {
    std::size_t operator()(const thinsnap::Digest& digest) const noexcept;
};
