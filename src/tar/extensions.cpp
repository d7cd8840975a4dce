#include "tar/extensions.hpp"

#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

namespace thinsnap::tar {

namespace {

bool is_gnu(const Block& header) {
    return field_bytes(header, kMagic) == kGnuMagic;
}

bool is_ustar(const Block& header) {
    return field_bytes(header, kMagic).substr(0, 6) == kUstarMagic.substr(0, 6);
}

std::string_view prefix_of(const Block& header) {
    if (!is_ustar(header))
        return {};
    const bool star = field_bytes(header, kStarTrailer) == std::string_view("tar\0", 4);
    return field_text(header, star ? kStarPrefix : kPrefix);
}

std::string header_name(const Block& header) {
    std::string name(prefix_of(header));
    if (!name.empty() && name.back() != '/')
        name += '/';
    name += field_text(header, kName);
    return name;
}

/// The names in a global header would be those of all files.
void require_global(const PaxHeader& header) {
    if (header.path || header.link_path || header.size || header.is_sparse())
        throw Error(Errc::corrupt, "a global header says what can only be said of one file");
}

std::string until_nul(const std::string& text) {
    return text.substr(0, text.find('\0'));
}

} // namespace

char type_flag(const Block& header) {
    return field_bytes(header, kType)[0];
}

bool is_extension(const Block& header) {
    return std::string_view("xgLK").find(type_flag(header)) != std::string_view::npos;
}

std::optional<Type> find_type(const Block& header, std::string_view name) {
    switch (type_flag(header)) {
    case '\0': // from before there were types: a directory's name ends with a slash
        return !name.empty() && name.back() == '/' ? Type::directory : Type::regular;
    case '0':
    case '7': // "contiguous"
    case 'S':
        return Type::regular;
    case '1':
        return Type::hard_link;
    case '2':
        return Type::symlink;
    case '3':
        return Type::character_device;
    case '4':
        return Type::block_device;
    case '5':
        return Type::directory;
    case '6':
        return Type::fifo;
    default:
        return std::nullopt;
    }
}

bool has_device_fields(const Block& header) {
    return is_ustar(header) || is_gnu(header);
}

std::int64_t header_number(const Block& header, Field field, std::string_view what) {
    const auto value = parse_number(field_bytes(header, field));
    if (!value)
        throw Error(Errc::corrupt, fmt::format("a header whose {} is no number", what));
    return *value;
}

std::uint64_t header_unsigned(const Block& header, Field field, std::string_view what) {
    const std::int64_t value = header_number(header, field, what);
    if (value < 0)
        throw Error(Errc::corrupt, fmt::format("a header whose {} is {}", what, value));
    return static_cast<std::uint64_t>(value);
}

void Extensions::add(const Block& header, std::string body) {
    switch (type_flag(header)) {
    case 'g':
        read_pax_header(body, global_);
        require_global(global_);
        pax_ = global_;
        return;
    case 'x':
        pax_ = global_;
        read_pax_header(body, pax_);
        break;
    case 'L':
        long_name_ = std::move(body);
        break;
    default:
        long_link_ = std::move(body);
    }
    is_pending_ = true;
}

void Extensions::begin_member() {
    pax_ = global_;
    long_name_.reset();
    long_link_.reset();
    is_pending_ = false;
}

std::string Extensions::name(const Block& header) const {
    if (long_name_)
        return until_nul(*long_name_);
    if (pax_.sparse_name)
        return *pax_.sparse_name;
    return pax_.path ? *pax_.path : header_name(header);
}

std::string Extensions::link_target(const Block& header) const {
    if (long_link_)
        return until_nul(*long_link_);
    return pax_.link_path ? *pax_.link_path : std::string(field_text(header, kLinkName));
}

std::uint64_t Extensions::stored_size(const Block& header) const {
    return pax_.size ? *pax_.size : header_unsigned(header, kSize, "size");
}

} // namespace thinsnap::tar
