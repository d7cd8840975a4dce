#include "layer/tar_reader.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "layer/acl.hpp"

namespace thinsnap::layer {

namespace {

[[noreturn]] void refuse(std::string message) {
    throw Error(Errc::corrupt, std::move(message));
}

std::int64_t number(const TarBlock& block, TarField field, std::string_view what) {
    const auto value = tar_number(tar_bytes(block, field));
    if (!value)
        refuse(fmt::format("a header whose {} is no number", what));
    return *value;
}

std::uint64_t unsigned_number(const TarBlock& block, TarField field, std::string_view what) {
    const std::int64_t value = number(block, field, what);
    if (value < 0)
        refuse(fmt::format("a header whose {} is {}", what, value));
    return static_cast<std::uint64_t>(value);
}

std::uint32_t to_u32(std::uint64_t value, std::uint64_t limit, std::string_view what) {
    if (value > limit)
        refuse(fmt::format("{} {} is more than {}", what, value, limit));
    return static_cast<std::uint32_t>(value);
}

char type_flag(const TarBlock& block) {
    return tar_bytes(block, kTarType)[0];
}

bool is_gnu(const TarBlock& block) {
    return tar_bytes(block, kTarMagic) == kGnuMagic;
}

bool is_ustar(const TarBlock& block) {
    return tar_bytes(block, kTarMagic).substr(0, 6) == kUstarMagic.substr(0, 6);
}

std::string_view prefix_of(const TarBlock& block) {
    if (!is_ustar(block))
        return {};
    const bool star = tar_bytes(block, kStarTrailer) == std::string_view("tar\0", 4);
    return tar_text(block, star ? kStarPrefix : kTarPrefix);
}

TarType type_of(char flag, std::string_view name) {
    switch (flag) {
    case '\0': // from before there were types: a directory's name ends with a slash
        return !name.empty() && name.back() == '/' ? TarType::directory : TarType::regular;
    case '0':
    case '7': // "contiguous"
    case 'S': // GNU's sparse files
        return TarType::regular;
    case '1':
        return TarType::hard_link;
    case '2':
        return TarType::symlink;
    case '3':
        return TarType::character_device;
    case '4':
        return TarType::block_device;
    case '5':
        return TarType::directory;
    case '6':
        return TarType::fifo;
    default:
        throw Error(Errc::unsupported,
                    fmt::format("entry {} has the type {}",
                                in_quotes(name),
                                in_quotes(std::string_view(&flag, 1))));
    }
}

void require_name(std::string_view name, std::string_view what) {
    if (name.empty())
        refuse(fmt::format("{} is empty", what));
    if (name.find('\0') != std::string_view::npos)
        refuse(fmt::format("{} has a NUL in it: {}", what, in_quotes(name)));
}

/// The names in a global header would be those of all files.
void require_global(const PaxHeader& header) {
    if (header.path || header.link_path || header.size || header.sparse_major ||
        header.sparse_size || header.sparse_name || header.sparse_map)
        refuse("a global header says what can only be said of one file");
}

} // namespace

TarReader::TarReader(ByteSource& source)
    : input_(source) {}

const TarEntry* TarReader::next() {
    std::uint64_t offset = input_.position();
    try {
        finish_content();
        offset = input_.position();
        if (at_end_)
            return nullptr;
        return read_entry() ? &entry_ : nullptr;
    } catch (Error& error) {
        at_end_ = true;
        error.add_context(fmt::format("tar entry at byte {}", offset));
        throw;
    }
}

bool TarReader::read_entry() {
    entry_ = {};
    entry_.offset = input_.position();
    pax_ = global_;
    long_name_.reset();
    long_link_.reset();
    extended_ = false;
    TarBlock block;
    for (;;) {
        const bool there = input_.read_block(block);
        if (there && !is_zero_block(block)) {
            if (!has_tar_checksum(block))
                refuse("no header: the checksum is wrong");
            if (read_header(block))
                return true;
            continue;
        }
        if (extended_)
            refuse("the tar ends between an extended header and its entry");
        if (there)
            read_end();
        at_end_ = true;
        return false;
    }
}

/// The end is two blocks of zeros; a lone one is damage unless the tar ends there.
void TarReader::read_end() {
    TarBlock block;
    if (input_.read_block(block) && !is_zero_block(block))
        refuse("a block of zeros, and more after it");
}

bool TarReader::read_header(const TarBlock& block) {
    switch (type_flag(block)) {
    case 'x':
        pax_ = global_;
        read_pax_header(read_body(block), pax_);
        break;
    case 'g':
        read_pax_header(read_body(block), global_);
        require_global(global_);
        pax_ = global_;
        return false;
    case 'L':
        long_name_ = read_body(block);
        break;
    case 'K':
        long_link_ = read_body(block);
        break;
    default:
        read_names(block);
        read_attributes(block);
        apply_pax();
        begin_content(block);
        return true;
    }
    extended_ = true;
    return false;
}

std::string TarReader::read_body(const TarBlock& block) {
    const std::uint64_t size = unsigned_number(block, kTarSize, "size");
    if (size > kMaxExtendedHeader)
        refuse(
            fmt::format("an extended header of {} bytes, more than {}", size, kMaxExtendedHeader));
    std::string body;
    input_.read_text(body, size);
    input_.skip(tar_padding(size));
    return body;
}

void TarReader::read_names(const TarBlock& block) {
    entry_.name = prefix_of(block);
    if (!entry_.name.empty() && entry_.name.back() != '/')
        entry_.name += '/';
    entry_.name += tar_text(block, kTarName);
    entry_.link_target = tar_text(block, kTarLinkName);
    apply_names();
    entry_.type = type_of(type_flag(block), entry_.name);
    if (entry_.type != TarType::hard_link && entry_.type != TarType::symlink)
        entry_.link_target.clear();
    else
        require_name(entry_.link_target,
                     fmt::format("the target of entry {}", in_quotes(entry_.name)));
}

/// GNU's long names go before PAX's, as in other readers.
void TarReader::apply_names() {
    const auto choose = [](std::string& into,
                           const std::optional<std::string>& gnu,
                           const std::optional<std::string>& pax) {
        if (gnu)
            into = gnu->substr(0, gnu->find('\0'));
        else if (pax)
            into = *pax;
    };
    choose(entry_.name, long_name_, pax_.sparse_name ? pax_.sparse_name : pax_.path);
    choose(entry_.link_target, long_link_, pax_.link_path);
    require_name(entry_.name, "an entry's name");
}

void TarReader::read_attributes(const TarBlock& block) {
    constexpr std::uint64_t max_id = std::numeric_limits<std::uint32_t>::max() - 1;
    ext4::Attributes& to = entry_.attributes;
    to.permissions = static_cast<std::uint16_t>(unsigned_number(block, kTarMode, "mode") & 07777U);
    to.uid = to_u32(pax_.uid ? *pax_.uid : unsigned_number(block, kTarUid, "uid"), max_id, "uid");
    to.gid = to_u32(pax_.gid ? *pax_.gid : unsigned_number(block, kTarGid, "gid"), max_id, "gid");
    to.mtime = pax_.mtime ? *pax_.mtime : ext4::Timestamp{number(block, kTarMtime, "mtime"), 0};
    if (entry_.type != TarType::character_device && entry_.type != TarType::block_device)
        return;
    // Linux include/linux/kdev_t.h: 12 bits and 20 bits
    constexpr std::uint64_t max_major = 0xFFF;
    constexpr std::uint64_t max_minor = 0xFFFFF;
    const bool has_fields = is_ustar(block) || is_gnu(block);
    const auto field = [&](TarField at, std::string_view what) {
        return has_fields ? unsigned_number(block, at, what) : 0;
    };
    entry_.device.major =
        to_u32(pax_.device_major ? *pax_.device_major : field(kTarDeviceMajor, "device major"),
               max_major,
               "device major");
    entry_.device.minor =
        to_u32(pax_.device_minor ? *pax_.device_minor : field(kTarDeviceMinor, "device minor"),
               max_minor,
               "device minor");
}

void TarReader::apply_pax() {
    const auto add_acl = [&](const std::optional<std::string>& text, std::string_view name) {
        if (!text)
            return;
        if (auto value = acl_from_text(*text))
            entry_.xattrs.push_back({std::string(name), std::move(*value)});
        else
            ++entry_.acls_left_out;
    };
    add_acl(pax_.access_acl, kAccessAclName);
    add_acl(pax_.default_acl, kDefaultAclName);
    // An ACL that is there as an attribute, too, wins: it comes later.
    std::move(pax_.xattrs.begin(), pax_.xattrs.end(), std::back_inserter(entry_.xattrs));
    collect_xattrs();
}

/// Sorted, and of several with one name the last.
void TarReader::collect_xattrs() {
    auto& xattrs = entry_.xattrs;
    std::reverse(xattrs.begin(), xattrs.end());
    std::stable_sort(
        xattrs.begin(), xattrs.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    xattrs.erase(std::unique(xattrs.begin(),
                             xattrs.end(),
                             [](const auto& a, const auto& b) { return a.name == b.name; }),
                 xattrs.end());
}

void TarReader::begin_content(const TarBlock& block) {
    map_.clear();
    at_range_ = 0;
    in_range_ = 0;
    if (entry_.type != TarType::regular)
        return;
    stored_ = pax_.size ? *pax_.size : unsigned_number(block, kTarSize, "size");
    if (stored_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        refuse(fmt::format("entry {} has {} bytes", in_quotes(entry_.name), stored_));
    padding_ = tar_padding(stored_);
    entry_.size = stored_;
    if (find_sparse_map(block, map_))
        validate_sparse_map(map_, entry_.size, stored_);
    else if (stored_ > 0)
        map_.push_back({0, stored_});
}

/// \return whether the entry is a sparse file, which has its map in one of three places
bool TarReader::find_sparse_map(const TarBlock& block, SparseMap& map) {
    if (type_flag(block) == 'S') {
        entry_.size = unsigned_number(block, kGnuRealSize, "real size");
        append_gnu_sparse(map, tar_bytes(block, kGnuSparse));
        TarBlock more = block;
        for (TarField extended = kGnuIsExtended; tar_bytes(more, extended)[0] != '\0';
             extended = kGnuMoreIsExtended) {
            if (!input_.read_block(more))
                refuse("the tar ends in a sparse file's map");
            append_gnu_sparse(map, tar_bytes(more, kGnuMoreSparse));
        }
        return true;
    }
    if (!pax_.has_map_in_data() && !pax_.sparse_map)
        return false;
    if (!pax_.sparse_size)
        refuse("a sparse file without its size");
    entry_.size = *pax_.sparse_size;
    if (!pax_.has_map_in_data()) {
        map = std::move(*pax_.sparse_map);
        return true;
    }
    SparseMapParser parser;
    TarBlock text;
    do {
        if (stored_ < text.size() || !input_.read_block(text))
            refuse("a sparse file's map is longer than its data");
        stored_ -= text.size();
    } while (!parser.feed(tar_bytes(text, {0, text.size()})));
    map = parser.take();
    return true;
}

std::optional<TarReader::Piece> TarReader::next_piece() {
    while (at_range_ < map_.size() && map_[at_range_].length == in_range_) {
        ++at_range_;
        in_range_ = 0;
    }
    if (at_range_ == map_.size())
        return std::nullopt;
    const DataRange& range = map_[at_range_];
    const auto bytes = input_.take(range.length - in_range_);
    const Piece piece{range.offset + in_range_, bytes};
    in_range_ += bytes.size();
    stored_ -= bytes.size();
    return piece;
}

void TarReader::finish_content() {
    input_.skip(std::exchange(stored_, 0));
    input_.skip(std::exchange(padding_, 0));
}

void TarReader::drain() {
    input_.drain();
}

} // namespace thinsnap::layer
