#include "tar/pax_header.hpp"

#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "tar/pax.hpp"
#include "tar/xattr_record.hpp"

namespace thinsnap::tar {

namespace {

using Text = std::optional<std::string> PaxHeader::*;
using Number = std::optional<std::uint64_t> PaxHeader::*;

std::optional<Text> text_field(std::string_view key) {
    if (key == "path")
        return &PaxHeader::path;
    if (key == "linkpath")
        return &PaxHeader::link_path;
    if (key == "GNU.sparse.name")
        return &PaxHeader::sparse_name;
    if (key == "SCHILY.acl.access")
        return &PaxHeader::access_acl;
    if (key == "SCHILY.acl.default")
        return &PaxHeader::default_acl;
    return std::nullopt;
}

std::optional<Number> number_field(std::string_view key) {
    if (key == "size")
        return &PaxHeader::size;
    if (key == "uid")
        return &PaxHeader::uid;
    if (key == "gid")
        return &PaxHeader::gid;
    if (key == "SCHILY.devmajor")
        return &PaxHeader::device_major;
    if (key == "SCHILY.devminor")
        return &PaxHeader::device_minor;
    if (key == "GNU.sparse.major")
        return &PaxHeader::sparse_major;
    if (key == "GNU.sparse.minor")
        return &PaxHeader::sparse_minor;
    if (key == "GNU.sparse.size" || key == "GNU.sparse.realsize")
        return &PaxHeader::sparse_size;
    return std::nullopt;
}

/// Pieces of version 0.0: pairs of records, each pair a range.
void read_sparse_pair(PaxHeader& header, std::string_view key, std::string_view value) {
    if (!header.sparse_map)
        header.sparse_map.emplace();
    const std::uint64_t number = pax_number(key, value);
    if (key == "GNU.sparse.offset") {
        if (header.sparse_map->size() >= kMaxDataRanges)
            throw Error(Errc::corrupt, "a sparse file of too many pieces");
        header.sparse_map->push_back({number, 0});
    } else if (header.sparse_map->empty()) {
        throw Error(Errc::corrupt, "a sparse file with a piece's length before its offset");
    } else {
        header.sparse_map->back().length = number;
    }
}

void read_record(PaxHeader& header, std::string_view key, std::string_view value) {
    if (auto record = read_xattr_record(key, value)) {
        const bool is_schily = record->form == XattrForm::schily;
        (is_schily ? header.xattrs : header.libarchive_xattrs).push_back(std::move(record->xattr));
    } else if (const auto field = text_field(key)) {
        (header.**field).reset();
        if (!value.empty())
            header.** field = std::string(value);
    } else if (const auto number = number_field(key)) {
        (header.**number).reset();
        if (!value.empty())
            header.** number = pax_number(key, value);
    } else if (key == "mtime") {
        header.mtime.reset();
        if (!value.empty())
            header.mtime = pax_time(key, value);
    } else if (key == "GNU.sparse.map") {
        header.sparse_map = parse_sparse_map(value);
    } else if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
        read_sparse_pair(header, key, value);
    } else if (key == "GNU.sparse.numblocks") {
        header.sparse_map.emplace();
    }
}

} // namespace

void read_pax_header(std::string_view body, PaxHeader& header) {
    for_each_pax_record(body, [&](std::string_view key, std::string_view value) {
        read_record(header, key, value);
    });
    const std::uint64_t major = header.sparse_major.value_or(0);
    const std::uint64_t minor = header.sparse_minor.value_or(0);
    if (major > 1 || minor > (major == 1 ? 0U : 1U))
        throw Error(Errc::unsupported,
                    fmt::format("a sparse file of version {}.{}, later than 1.0", major, minor));
}

} // namespace thinsnap::tar
