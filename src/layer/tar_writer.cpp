#include "layer/tar_writer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/in_quotes.hpp"
#include "base/utf8.hpp"
#include "layer/pax.hpp"

namespace thinsnap::layer {

namespace {

constexpr std::size_t kMapLine = 21; // digits of 2^64 and a newline
constexpr std::uint64_t kMaxOctal7 = 07777777;
constexpr std::uint64_t kMaxOctal11 = 077777777777;

char flag_of(TarType type) {
    switch (type) {
    case TarType::hard_link:
        return '1';
    case TarType::symlink:
        return '2';
    case TarType::character_device:
        return '3';
    case TarType::block_device:
        return '4';
    case TarType::directory:
        return '5';
    case TarType::fifo:
        return '6';
    case TarType::regular:
        break;
    }
    return '0';
}

void require_text(std::string_view text, std::string_view what) {
    if (text.empty() || text.find('\0') != std::string_view::npos)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} {} cannot stand in a tar", what, in_quotes(text)));
}

std::string map_text(const SparseMap& map) {
    std::string text = fmt::format("{}\n", map.size());
    text.reserve(text.size() + map.size() * 2 * kMapLine);
    for (const DataRange& range : map)
        text += fmt::format("{}\n{}\n", range.offset, range.length);
    text.resize(text.size() + tar_padding(text.size()));
    return text;
}

std::uint64_t data_in(const SparseMap& map) {
    std::uint64_t sum = 0;
    for (const DataRange& range : map)
        sum += range.length;
    return sum;
}

/// A header and the records for what does not fit it.
class HeaderMaker {
public:
    void text(TarField field, std::string_view key, std::string_view value) {
        if (value.size() <= field.length)
            return put_tar_text(block_, field, value);
        put_tar_text(block_, field, value.substr(0, field.length));
        if (!is_utf8(value) && !std::exchange(binary_, true))
            record("hdrcharset", "BINARY");
        record(key, value);
    }

    void number(TarField field, std::string_view key, std::uint64_t value, std::uint64_t max) {
        put_octal(field, value <= max ? value : 0);
        if (value > max)
            record(key, fmt::format("{}", value));
    }

    void time(ext4::Timestamp time) {
        const bool fits = time.seconds >= 0 && time.nanoseconds == 0 &&
                          static_cast<std::uint64_t>(time.seconds) <= kMaxOctal11;
        const std::uint64_t rounded =
            time.seconds < 0 ? 0 : static_cast<std::uint64_t>(time.seconds);
        put_octal(kTarMtime, std::min(rounded, kMaxOctal11));
        if (!fits)
            record("mtime", format_pax_time(time));
    }

    void put_octal(TarField field, std::uint64_t value) {
        const bool fits = put_tar_number(block_, field, value);
        TS_ASSERT(fits);
    }

    void record(std::string_view key, std::string_view value) {
        append_pax_record(records_, key, value);
    }

    [[nodiscard]] TarBlock& block() { return block_; }
    [[nodiscard]] const std::string& records() const { return records_; }

private:
    TarBlock block_{};
    std::string records_;
    bool binary_ = false;
};

void put_type(TarBlock& block, char flag) {
    put_tar_text(block, kTarType, std::string_view(&flag, 1));
    put_tar_text(block, kTarMagic, kUstarMagic);
}

void put_xattrs(HeaderMaker& header, const TarEntry& entry) {
    for (const ext4::Xattr& xattr : entry.xattrs) {
        require_text(xattr.name, "an extended attribute with the name");
        if (xattr.name.find('=') != std::string::npos)
            throw Error(Errc::unsupported,
                        fmt::format("{}: extended attribute {} has a '=' in its name, which a tar "
                                    "cannot hold",
                                    in_quotes(entry.name),
                                    in_quotes(xattr.name)));
        header.record("SCHILY.xattr." + xattr.name, xattr.value);
    }
}

void put_attributes(HeaderMaker& header, const TarEntry& entry, std::uint64_t stored) {
    put_type(header.block(), flag_of(entry.type));
    header.put_octal(kTarMode, entry.attributes.permissions & 07777U);
    header.number(kTarUid, "uid", entry.attributes.uid, kMaxOctal7);
    header.number(kTarGid, "gid", entry.attributes.gid, kMaxOctal7);
    header.number(kTarSize, "size", stored, kMaxOctal11);
    header.time(entry.attributes.mtime);
    const bool device =
        entry.type == TarType::character_device || entry.type == TarType::block_device;
    header.put_octal(kTarDeviceMajor, device ? entry.device.major : 0);
    header.put_octal(kTarDeviceMinor, device ? entry.device.minor : 0);
}

void put_sparse(HeaderMaker& header, const TarEntry& entry) {
    header.record("GNU.sparse.major", "1");
    header.record("GNU.sparse.minor", "0");
    header.record("GNU.sparse.name", entry.name);
    header.record("GNU.sparse.realsize", fmt::format("{}", entry.size));
}

} // namespace

void TarWriter::begin(const TarEntry& entry, const SparseMap* map) {
    end_content();
    require_text(entry.name, "the name");
    HeaderMaker header;
    const bool regular = entry.type == TarType::regular;
    const std::string text = regular && map != nullptr ? map_text(*map) : std::string();
    const std::uint64_t content = !regular ? 0 : map != nullptr ? data_in(*map) : entry.size;
    header.text(kTarName, "path", entry.name);
    if (entry.type == TarType::hard_link || entry.type == TarType::symlink) {
        require_text(entry.link_target, "a link's target");
        header.text(kTarLinkName, "linkpath", entry.link_target);
    }
    put_attributes(header, entry, text.size() + content);
    if (regular && map != nullptr)
        put_sparse(header, entry);
    put_xattrs(header, entry);
    if (!header.records().empty())
        write_extended(header.records());
    write_block(header.block());
    write_padded(text);
    missing_ = content;
    padding_ = tar_padding(content);
}

void TarWriter::write(std::span<const std::byte> content) {
    TS_ASSERT(content.size() <= missing_);
    if (content.empty())
        return;
    missing_ -= content.size();
    sink_.write(content);
}

void TarWriter::finish() {
    end_content();
    const std::array<std::byte, 2 * kTarBlock> end{};
    sink_.write(end);
}

void TarWriter::write_extended(const std::string& body) {
    HeaderMaker header;
    header.text(kTarName, "path", "PaxHeaders.0/entry");
    put_type(header.block(), 'x');
    header.put_octal(kTarMode, 0644);
    header.put_octal(kTarUid, 0);
    header.put_octal(kTarGid, 0);
    header.put_octal(kTarSize, body.size());
    header.put_octal(kTarMtime, 0);
    write_block(header.block());
    write_padded(body);
}

void TarWriter::write_block(const TarBlock& block) {
    TarBlock complete = block;
    put_tar_checksum(complete);
    sink_.write(complete);
}

void TarWriter::write_padded(std::string_view bytes) {
    if (bytes.empty())
        return;
    sink_.write(std::as_bytes(std::span(bytes.data(), bytes.size())));
    const TarBlock zeros{};
    sink_.write(std::span(zeros).first(tar_padding(bytes.size())));
}

void TarWriter::end_content() {
    TS_ASSERT(missing_ == 0);
    const TarBlock zeros{};
    if (padding_ > 0)
        sink_.write(std::span(zeros).first(std::exchange(padding_, 0)));
}

} // namespace thinsnap::layer
