#include "tar/writer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/in_quotes.hpp"
#include "base/utf8.hpp"
#include "tar/pax.hpp"
#include "tar/xattr_record.hpp"

namespace thinsnap::tar {

namespace {

constexpr std::size_t kMapLine = 21; // digits of 2^64 and a newline
constexpr std::uint64_t kMaxOctal7 = 07777777;
constexpr std::uint64_t kMaxOctal11 = 077777777777;

char flag_of(Type type) {
    switch (type) {
    case Type::hard_link:
        return '1';
    case Type::symlink:
        return '2';
    case Type::character_device:
        return '3';
    case Type::block_device:
        return '4';
    case Type::directory:
        return '5';
    case Type::fifo:
        return '6';
    case Type::regular:
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
    text.resize(text.size() + padding_of(text.size()));
    return text;
}

/// A header and the records for what does not fit it.
class HeaderMaker {
public:
    void text(Field field, std::string_view key, std::string_view value) {
        if (value.size() <= field.length)
            return put_text(block_, field, value);
        put_text(block_, field, value.substr(0, field.length));
        if (!is_utf8(value) && !std::exchange(binary_, true))
            record("hdrcharset", "BINARY");
        record(key, value);
    }

    void number(Field field, std::string_view key, std::uint64_t value, std::uint64_t max) {
        put_octal(field, value <= max ? value : 0);
        if (value > max)
            record(key, fmt::format("{}", value));
    }

    void time(Timestamp time) {
        const bool fits = time.seconds >= 0 && time.nanoseconds == 0 &&
                          static_cast<std::uint64_t>(time.seconds) <= kMaxOctal11;
        const std::uint64_t rounded =
            time.seconds < 0 ? 0 : static_cast<std::uint64_t>(time.seconds);
        put_octal(kMtime, std::min(rounded, kMaxOctal11));
        if (!fits)
            record("mtime", format_pax_time(time));
    }

    void put_octal(Field field, std::uint64_t value) {
        const bool fits = put_number(block_, field, value);
        TS_ASSERT(fits);
    }

    void record(std::string_view key, std::string_view value) {
        append_pax_record(records_, key, value);
    }

    void xattr(const Xattr& xattr) { append_xattr_record(records_, xattr); }

    [[nodiscard]] Block& block() { return block_; }
    [[nodiscard]] const std::string& records() const { return records_; }

private:
    Block block_{};
    std::string records_;
    bool binary_ = false;
};

void put_type(Block& block, char flag) {
    put_text(block, kType, std::string_view(&flag, 1));
    put_text(block, kMagic, kUstarMagic);
}

void put_xattrs(HeaderMaker& header, const Entry& entry) {
    for (const Xattr& xattr : entry.xattrs) {
        require_text(xattr.name, "an extended attribute with the name");
        header.xattr(xattr);
    }
}

void put_attributes(HeaderMaker& header, const Entry& entry, std::uint64_t stored) {
    put_type(header.block(), flag_of(entry.type));
    header.put_octal(kMode, entry.attributes.permissions & 07777U);
    header.number(kUid, "uid", entry.attributes.uid, kMaxOctal7);
    header.number(kGid, "gid", entry.attributes.gid, kMaxOctal7);
    header.number(kSize, "size", stored, kMaxOctal11);
    header.time(entry.attributes.mtime);
    const bool device = entry.type == Type::character_device || entry.type == Type::block_device;
    header.put_octal(kDeviceMajor, device ? entry.device.major : 0);
    header.put_octal(kDeviceMinor, device ? entry.device.minor : 0);
}

void put_sparse(HeaderMaker& header, const Entry& entry) {
    header.record("GNU.sparse.major", "1");
    header.record("GNU.sparse.minor", "0");
    header.record("GNU.sparse.name", entry.name);
    header.record("GNU.sparse.realsize", fmt::format("{}", entry.size));
}

} // namespace

void Writer::begin(const Entry& entry, const SparseMap* map) {
    end_content();
    require_text(entry.name, "the name");
    HeaderMaker header;
    const bool regular = entry.type == Type::regular;
    const std::string text = regular && map != nullptr ? map_text(*map) : std::string();
    const std::uint64_t content = !regular ? 0 : map != nullptr ? bytes_in(*map) : entry.size;
    header.text(kName, "path", entry.name);
    if (entry.type == Type::hard_link || entry.type == Type::symlink) {
        require_text(entry.link_target, "a link's target");
        header.text(kLinkName, "linkpath", entry.link_target);
    }
    put_attributes(header, entry, text.size() + content);
    if (regular && map != nullptr)
        put_sparse(header, entry);
    put_xattrs(header, entry);
    if (!header.records().empty())
        write_extended(header.records());
    write_block(header.block());
    write_padded(text);
    promised_ = content;
    missing_ = content;
    padding_ = padding_of(content);
}

void Writer::write(std::span<const std::byte> content) {
    if (content.size() > missing_)
        throw Error(
            Errc::internal,
            fmt::format("a file of an archive has more than the {} bytes promised", promised_));
    if (content.empty())
        return;
    missing_ -= content.size();
    sink_.write(content);
}

void Writer::end_content() {
    if (missing_ != 0)
        throw Error(Errc::internal,
                    fmt::format("a file of an archive lacks {} of the {} bytes promised",
                                missing_,
                                promised_));
    const Block zeros{};
    if (padding_ > 0)
        sink_.write(std::span(zeros).first(std::exchange(padding_, 0)));
}

void Writer::finish() {
    end_content();
    const std::array<std::byte, 2 * kBlockSize> end{};
    sink_.write(end);
}

void Writer::write_extended(const std::string& body) {
    HeaderMaker header;
    header.text(kName, "path", "PaxHeaders.0/entry");
    put_type(header.block(), 'x');
    header.put_octal(kMode, 0644);
    header.put_octal(kUid, 0);
    header.put_octal(kGid, 0);
    header.put_octal(kSize, body.size());
    header.put_octal(kMtime, 0);
    write_block(header.block());
    write_padded(body);
}

void Writer::write_block(const Block& block) {
    Block complete = block;
    put_checksum(complete);
    sink_.write(complete);
}

void Writer::write_padded(std::string_view bytes) {
    if (bytes.empty())
        return;
    sink_.write(std::as_bytes(std::span(bytes.data(), bytes.size())));
    const Block zeros{};
    sink_.write(std::span(zeros).first(padding_of(bytes.size())));
}

} // namespace thinsnap::tar
