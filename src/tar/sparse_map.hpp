#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Where the data of a sparse file belongs, in the forms that GNU tar has had.

namespace thinsnap::tar {

/// Bytes [offset, offset + length) of a file that are data; the others are holes.
struct DataRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    friend bool operator==(const DataRange&, const DataRange&) = default;
};

/// In ascending order without overlaps; empty ranges are allowed (one marks a hole at the end).
using SparseMap = std::vector<DataRange>;

/// Bytes of data, without the holes.
[[nodiscard]] std::uint64_t bytes_in(const SparseMap& map);

/// A map has no more ranges: 64 MiB of memory.
inline constexpr std::size_t kMaxDataRanges = std::size_t{4} << 20U;

/// Appends the pairs of octal numbers in a GNU header or extension block, up to the first empty
/// one. \param pairs  24 bytes each
/// \throws Error(corrupt)
void append_gnu_sparse(SparseMap& map, std::string_view pairs);

/// "offset,length,offset,length...": PAX record GNU.sparse.map (version 0.1).
/// \throws Error(corrupt)
[[nodiscard]] SparseMap parse_sparse_map(std::string_view text);

/// The map that stands in front of the data in blocks of its own (version 1.0): the number of
/// ranges, then offset and length of each, decimal, a line each.
class SparseMapParser {
public:
    /// Takes the next block. \return whether the map is complete \throws Error(corrupt)
    [[nodiscard]] bool feed(std::string_view block);
    [[nodiscard]] SparseMap take() { return std::move(map_); }

private:
    void add(std::uint64_t number);

    std::optional<std::uint64_t> ranges_; ///< the first number
    std::optional<std::uint64_t> offset_; ///< of a range whose length is still to come
    std::string digits_;
    SparseMap map_;
};

/// \param file_size  how long the file is, holes included
/// \param stored     bytes of data in the tar
/// \throws Error(corrupt)  not ascending, overlapping, behind the file's end, or not `stored`
///                         bytes in sum
void validate_sparse_map(const SparseMap& map, std::uint64_t file_size, std::uint64_t stored);

} // namespace thinsnap::tar
