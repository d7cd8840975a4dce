#include "tar/reader.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"

namespace thinsnap::tar {

namespace {

[[noreturn]] void refuse(std::string message) {
    throw Error(Errc::corrupt, std::move(message));
}

std::uint32_t to_u32(std::uint64_t value, std::uint64_t limit, std::string_view what) {
    if (value > limit)
        refuse(fmt::format("{} {} is more than {}", what, value, limit));
    return static_cast<std::uint32_t>(value);
}

void require_name(std::string_view name, std::string_view what) {
    if (name.empty())
        refuse(fmt::format("{} is empty", what));
    if (name.find('\0') != std::string_view::npos)
        refuse(fmt::format("{} has a NUL in it: {}", what, in_quotes(name)));
}

bool is_device(Type type) {
    return type == Type::character_device || type == Type::block_device;
}

/// Sorted, and of several with one name the last; one that was written in both forms has the value
/// that containerd and umoci see, who know only one.
std::vector<Xattr> collect_xattrs(PaxHeader& pax) {
    std::vector<Xattr> xattrs = std::move(pax.libarchive_xattrs);
    std::move(pax.xattrs.begin(), pax.xattrs.end(), std::back_inserter(xattrs));
    std::reverse(xattrs.begin(), xattrs.end());
    std::stable_sort(
        xattrs.begin(), xattrs.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    xattrs.erase(std::unique(xattrs.begin(),
                             xattrs.end(),
                             [](const auto& a, const auto& b) { return a.name == b.name; }),
                 xattrs.end());
    return xattrs;
}

} // namespace

Reader::Reader(ByteSource& source)
    : input_(source) {}

const Entry* Reader::next() {
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

bool Reader::read_entry() {
    entry_ = {};
    entry_.offset = input_.position();
    extensions_.begin_member();
    Block block;
    for (;;) {
        const bool there = input_.read_block(block);
        if (there && !is_zero_block(block)) {
            if (!has_checksum(block))
                refuse("no header: the checksum is wrong");
            if (read_header(block))
                return true;
            continue;
        }
        if (extensions_.is_pending())
            refuse("the tar ends between an extended header and its entry");
        if (there)
            read_end();
        at_end_ = true;
        return false;
    }
}

/// The end is two blocks of zeros; a lone one is damage unless the tar ends there.
void Reader::read_end() {
    Block block;
    if (input_.read_block(block) && !is_zero_block(block))
        refuse("a block of zeros, and more after it");
}

bool Reader::read_header(const Block& header) {
    if (is_extension(header)) {
        extensions_.add(header, read_body(header));
        return false;
    }
    read_names(header);
    read_attributes(header);
    begin_content(header);
    return true;
}

std::string Reader::read_body(const Block& header) {
    const std::uint64_t size = header_unsigned(header, kSize, "size");
    if (size > kMaxExtendedHeader)
        refuse(
            fmt::format("an extended header of {} bytes, more than {}", size, kMaxExtendedHeader));
    std::string body;
    input_.read_text(body, size);
    input_.skip(padding_of(size));
    return body;
}

void Reader::read_names(const Block& header) {
    entry_.name = extensions_.name(header);
    require_name(entry_.name, "an entry's name");
    const auto type = find_type(header, entry_.name);
    if (!type)
        throw Error(Errc::unsupported,
                    fmt::format("entry {} has the type {}",
                                in_quotes(entry_.name),
                                in_quotes(field_bytes(header, kType))));
    entry_.type = *type;
    if (*type != Type::hard_link && *type != Type::symlink)
        return;
    entry_.link_target = extensions_.link_target(header);
    require_name(entry_.link_target, fmt::format("the target of entry {}", in_quotes(entry_.name)));
}

void Reader::read_attributes(const Block& header) {
    constexpr std::uint64_t max_id = std::numeric_limits<std::uint32_t>::max() - 1;
    PaxHeader& pax = extensions_.pax();
    const auto id = [&](const std::optional<std::uint64_t>& said, Field at, std::string_view what) {
        return to_u32(said ? *said : header_unsigned(header, at, what), max_id, what);
    };
    Attributes& to = entry_.attributes;
    to.permissions = static_cast<std::uint16_t>(header_unsigned(header, kMode, "mode") & 07777U);
    to.uid = id(pax.uid, kUid, "uid");
    to.gid = id(pax.gid, kGid, "gid");
    to.mtime = pax.mtime ? *pax.mtime : Timestamp{header_number(header, kMtime, "mtime"), 0};
    if (is_device(entry_.type))
        read_device(header);
    entry_.access_acl = std::move(pax.access_acl);
    entry_.default_acl = std::move(pax.default_acl);
    entry_.xattrs = collect_xattrs(pax);
}

void Reader::read_device(const Block& header) {
    // Linux include/linux/kdev_t.h: 12 bits and 20 bits
    constexpr std::uint64_t max_major = 0xFFF;
    constexpr std::uint64_t max_minor = 0xFFFFF;
    const bool has_fields = has_device_fields(header);
    const auto part = [&](const std::optional<std::uint64_t>& said,
                          Field at,
                          std::string_view what,
                          std::uint64_t max) {
        const std::uint64_t value =
            said ? *said : (has_fields ? header_unsigned(header, at, what) : 0);
        return to_u32(value, max, what);
    };
    const PaxHeader& pax = extensions_.pax();
    entry_.device = {part(pax.device_major, kDeviceMajor, "device major", max_major),
                     part(pax.device_minor, kDeviceMinor, "device minor", max_minor)};
}

void Reader::begin_content(const Block& header) {
    map_.clear();
    at_range_ = 0;
    in_range_ = 0;
    if (entry_.type != Type::regular)
        return;
    stored_ = extensions_.stored_size(header);
    if (stored_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        refuse(fmt::format("entry {} has {} bytes", in_quotes(entry_.name), stored_));
    padding_ = padding_of(stored_);
    entry_.size = stored_;
    if (find_sparse_map(header))
        validate_sparse_map(map_, entry_.size, stored_);
    else if (stored_ > 0)
        map_.push_back({0, stored_});
}

/// \return whether the entry is a sparse file, which has its map in one of three places
bool Reader::find_sparse_map(const Block& header) {
    if (type_flag(header) == 'S') {
        entry_.size = header_unsigned(header, kGnuRealSize, "real size");
        read_gnu_map(header);
        return true;
    }
    PaxHeader& pax = extensions_.pax();
    if (!pax.has_map_in_data() && !pax.sparse_map)
        return false;
    if (!pax.sparse_size)
        refuse("a sparse file without its size");
    entry_.size = *pax.sparse_size;
    if (pax.has_map_in_data())
        read_map_in_data();
    else
        map_ = std::move(*pax.sparse_map);
    return true;
}

void Reader::read_gnu_map(const Block& header) {
    append_gnu_sparse(map_, field_bytes(header, kGnuSparse));
    Block more = header;
    for (Field extended = kGnuIsExtended; field_bytes(more, extended)[0] != '\0';
         extended = kGnuMoreIsExtended) {
        if (!input_.read_block(more))
            refuse("the tar ends in a sparse file's map");
        append_gnu_sparse(map_, field_bytes(more, kGnuMoreSparse));
    }
}

void Reader::read_map_in_data() {
    SparseMapParser parser;
    Block text;
    do {
        if (stored_ < text.size() || !input_.read_block(text))
            refuse("a sparse file's map is longer than its data");
        stored_ -= text.size();
    } while (!parser.feed(field_bytes(text, {0, text.size()})));
    map_ = parser.take();
}

std::optional<Reader::Piece> Reader::next_piece() {
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

void Reader::finish_content() {
    input_.skip(std::exchange(stored_, 0));
    input_.skip(std::exchange(padding_, 0));
}

void Reader::drain() {
    input_.drain();
}

} // namespace thinsnap::tar
