#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "oci/archive_members.hpp"
#include "oci/input_file.hpp"

namespace thinsnap::oci {

/// Where the members of an image archive lie: the headers are walked once, the content is skipped.
///
/// Names are only looked up here, never on the host. The last of several members of one name
/// counts. A root file system's tar is told from an image archive by the names in it, after a few
/// of them: its members are not walked.
///
/// Understands ustar, PAX and GNU names and sizes. LIMIT: a name through a directory that is itself
/// a link is not found.
class ArchiveIndex {
public:
    /// Members an image archive may have at most.
    static constexpr std::size_t kMaxMembers = 200'000;

    /// \param tar  an uncompressed tar
    /// \throws Error(corrupt, unsupported)  it has damage in it, and up to there it was an image
    ///                                      archive
    /// \throws SystemError
    explicit ArchiveIndex(FileWindow tar);

    /// It holds none of the names that each image archive has, or many that none has.
    [[nodiscard]] bool is_root_tar() const { return is_root_tar_; }

    [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
    /// The content of a file; links are followed within the archive.
    [[nodiscard]] std::optional<FileWindow> find(std::string_view name) const;

    [[nodiscard]] const FileWindow& tar() const { return tar_; }

private:
    void walk();
    void add(const std::string& name, ArchiveMember member);

    FileWindow tar_;
    std::unordered_map<std::string, ArchiveMember> members_;
    std::size_t seen_ = 0;    ///< members that an image archive may have
    std::size_t foreign_ = 0; ///< others
    bool is_root_tar_ = false;
};

} // namespace thinsnap::oci
