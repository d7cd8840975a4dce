#include "tar/sparse_map.hpp"

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "tar/format.hpp"
#include "tar/pax.hpp"

namespace thinsnap::tar {

namespace {

void append(SparseMap& map, DataRange range) {
    if (map.size() >= kMaxDataRanges)
        throw Error(Errc::corrupt,
                    fmt::format("a sparse file of more than {} pieces", kMaxDataRanges));
    map.push_back(range);
}

std::uint64_t gnu_number(std::string_view field) {
    const auto value = parse_number(field);
    if (!value || *value < 0)
        throw Error(Errc::corrupt, "a sparse file's map has a field that is no number");
    return static_cast<std::uint64_t>(*value);
}

std::string_view take_number(std::string_view& text) {
    const std::size_t comma = text.find(',');
    const std::string_view number = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    return number;
}

} // namespace

std::uint64_t bytes_in(const SparseMap& map) {
    std::uint64_t sum = 0;
    for (const DataRange& range : map)
        sum += range.length;
    return sum;
}

void append_gnu_sparse(SparseMap& map, std::string_view pairs) {
    constexpr std::size_t field = 12;
    for (; pairs.size() >= 2 * field && pairs[0] != '\0'; pairs.remove_prefix(2 * field))
        append(map, {gnu_number(pairs.substr(0, field)), gnu_number(pairs.substr(field, field))});
}

SparseMap parse_sparse_map(std::string_view text) {
    constexpr std::string_view key = "GNU.sparse.map";
    SparseMap map;
    if (!text.empty() && text.back() == ',')
        throw Error(Errc::corrupt, "a sparse file's map ends with a comma");
    while (!text.empty()) {
        const std::uint64_t offset = pax_number(key, take_number(text));
        append(map, {offset, pax_number(key, take_number(text))});
    }
    return map;
}

bool SparseMapParser::feed(std::string_view block) {
    constexpr std::size_t longest = 20; // digits of 2^64
    for (const char c : block) {
        if (ranges_ && map_.size() == *ranges_ && !offset_)
            break;
        if (c != '\n') {
            digits_ += c;
            if (digits_.size() > longest)
                throw Error(Errc::corrupt, "a sparse file's map has a line that is no number");
            continue;
        }
        add(pax_number("GNU.sparse map", digits_));
        digits_.clear();
    }
    return ranges_ && map_.size() == *ranges_ && !offset_;
}

void SparseMapParser::add(std::uint64_t number) {
    if (!ranges_) {
        ranges_ = number;
    } else if (!offset_) {
        offset_ = number;
    } else {
        append(map_, {*offset_, number});
        offset_.reset();
    }
}

void validate_sparse_map(const SparseMap& map, std::uint64_t file_size, std::uint64_t stored) {
    std::uint64_t end = 0;
    for (const DataRange& range : map) {
        if (range.offset < end || range.offset > file_size ||
            range.length > file_size - range.offset)
            throw Error(Errc::corrupt,
                        fmt::format("a sparse file of {} bytes has a piece of {} bytes at {}, the "
                                    "one before ends at {}",
                                    file_size,
                                    range.length,
                                    range.offset,
                                    end));
        end = range.offset + range.length;
    }
    if (const std::uint64_t sum = bytes_in(map); sum != stored)
        throw Error(Errc::corrupt,
                    fmt::format("a sparse file has {} bytes of data in the tar and {} in its map",
                                stored,
                                sum));
}

} // namespace thinsnap::tar
