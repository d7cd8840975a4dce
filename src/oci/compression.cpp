#include "oci/compression.hpp"

#include <array>

#include "oci/filter_source.hpp"
#include "oci/gzip_source.hpp"

namespace thinsnap::oci {

namespace {

/// What is not compressed, or no longer.
class PlainSource final : public ByteSource {
public:
    explicit PlainSource(ByteSource& in)
        : in_(in) {}
    std::size_t read(std::span<std::byte> into) override { return in_.read(into); }
    std::span<const std::byte> next(std::span<std::byte> scratch) override {
        return in_.next(scratch);
    }

private:
    ByteSource& in_;
};

constexpr unsigned kZstdSkippable = 0x50; // RFC 8878, 3.1.2: 0x184D2A5?, lowest byte first

bool begins_with(std::span<const std::byte> front, std::string_view magic) {
    if (front.size() < magic.size())
        return false;
    for (std::size_t i = 0; i < magic.size(); ++i)
        if (std::to_integer<unsigned char>(front[i]) != static_cast<unsigned char>(magic[i]))
            return false;
    return true;
}

} // namespace

std::string_view to_string(Compression compression) noexcept {
    switch (compression) {
    case Compression::gzip:
        return "gzip";
    case Compression::zstd:
        return "zstd";
    case Compression::xz:
        return "xz";
    case Compression::bzip2:
        return "bzip2";
    case Compression::none:
        break;
    }
    return "none";
}

Compression detect_compression(std::span<const std::byte> front) noexcept {
    using namespace std::string_view_literals;
    if (begins_with(front, "\x1F\x8B"sv))
        return Compression::gzip;
    if (begins_with(front, "\x28\xB5\x2F\xFD"sv))
        return Compression::zstd;
    if (front.size() >= 4 && (std::to_integer<unsigned>(front[0]) & 0xF0U) == kZstdSkippable &&
        begins_with(front.subspan(1), "\x2A\x4D\x18"sv))
        return Compression::zstd;
    if (begins_with(front,
                    "\xFD"
                    "7zXZ\0"sv))
        return Compression::xz;
    if (begins_with(front, "BZh"sv))
        return Compression::bzip2;
    return Compression::none;
}

std::unique_ptr<ByteSource> make_decoder(Compression compression, ByteSource& in) {
    switch (compression) {
    case Compression::gzip:
        return make_gzip_source(in);
    case Compression::zstd:
    case Compression::xz:
    case Compression::bzip2:
        return make_filter_source(compression, in);
    case Compression::none:
        break;
    }
    return std::make_unique<PlainSource>(in);
}

std::size_t PrefixSource::read(std::span<std::byte> into) {
    const std::size_t n = prefix_.read(into);
    return n > 0 ? n : rest_.read(into);
}

std::span<const std::byte> PrefixSource::next(std::span<std::byte> scratch) {
    const auto piece = prefix_.next(scratch);
    return piece.empty() ? rest_.next(scratch) : piece;
}

} // namespace thinsnap::oci
