#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_attributes.hpp"
#include "tar/sparse_map.hpp"

namespace thinsnap::tar {

/// What a PAX extended header says about the entry that follows; what it does not say stands in
/// the entry's own header.
struct PaxHeader {
    std::optional<std::string> path;
    std::optional<std::string> link_path;
    std::optional<std::uint64_t> size; ///< of the data in the tar
    std::optional<std::uint64_t> uid;
    std::optional<std::uint64_t> gid;
    std::optional<Timestamp> mtime;
    std::optional<std::uint64_t> device_major;
    std::optional<std::uint64_t> device_minor;

    // Full names, in the tar's order, doubles included, by their form: see xattr_record.hpp.
    std::vector<Xattr> xattrs;
    std::vector<Xattr> libarchive_xattrs;
    std::optional<std::string> access_acl;  ///< as text
    std::optional<std::string> default_acl; ///< as text

    std::optional<std::uint64_t> sparse_major;
    std::optional<std::uint64_t> sparse_minor;
    std::optional<std::uint64_t> sparse_size;
    std::optional<std::string> sparse_name;
    std::optional<SparseMap> sparse_map;

    [[nodiscard]] bool is_sparse() const {
        return sparse_major || sparse_size || sparse_name || sparse_map;
    }
    /// The data begins with a map.
    [[nodiscard]] bool has_map_in_data() const { return sparse_major && *sparse_major == 1; }
};

/// Adds what the records of `body` say; a later record overrides an earlier one, and an empty
/// value takes an earlier one back (an extended attribute can be empty, though). Records that are
/// not known are passed over, as POSIX asks.
/// \throws Error(corrupt)      a value that is none, an attribute's name or size that Linux
///                             does not allow
/// \throws Error(unsupported)  a version of GNU's sparse files that does not exist yet
void read_pax_header(std::string_view body, PaxHeader& header);

} // namespace thinsnap::tar
