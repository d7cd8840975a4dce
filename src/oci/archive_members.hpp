#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "oci/input_file.hpp"
#include "tar/extensions.hpp"

namespace thinsnap::oci {

/// What the headers of one member of an archive say, extensions applied.
struct ArchiveMember {
    std::string name;
    std::optional<tar::Type> type; ///< nothing: none of POSIX's
    bool sparse = false;           ///< the content is not the file's, but a map and its pieces
    std::uint64_t offset = 0;      ///< of the content
    std::uint64_t size = 0;        ///< of the content
    std::string link;              ///< target as it stands in the archive
};

/// Walks the headers of a tar, skipping what lies between: where tar::Reader, which reads a tar
/// from front to back, would read gigabytes of layers to find ten names. Also unlike it, this takes
/// types that it does not know, and an end without its second block.
class ArchiveMembers {
public:
    /// Bytes of an extended header or a long name.
    static constexpr std::uint64_t kMaxExtension = std::uint64_t{1} << 20U;

    explicit ArchiveMembers(FileWindow tar)
        : tar_(std::move(tar)) {}

    /// The next member; none at the end of the archive.
    /// \throws Error(corrupt, unsupported)  damage, with its offset
    [[nodiscard]] std::optional<ArchiveMember> next();

private:
    [[nodiscard]] std::optional<ArchiveMember> find_next();
    [[nodiscard]] std::optional<tar::Block> read_header() const;
    [[nodiscard]] std::string read_extension(std::uint64_t size) const;
    [[nodiscard]] ArchiveMember member_of(const tar::Block& header);
    void skip_sparse_maps(const tar::Block& header);
    void skip(std::uint64_t size);

    FileWindow tar_;
    std::uint64_t at_ = 0;
    tar::Extensions extensions_;
};

} // namespace thinsnap::oci
