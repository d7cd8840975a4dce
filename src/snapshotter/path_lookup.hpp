#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ext4/file_system.hpp"

/// \file
/// Paths inside a container. The host's file system is never asked: symlinks lead to places inside
/// the container, ".." stops at its root.

namespace thinsnap::snapshotter {

enum class LastLink { follow, keep };

struct FoundFile {
    std::string path; ///< without symlinks, from the root on: "/usr/bin/env", or "/"
    ext4::InodeInfo inode;
};

/// \param path  from the root on, with or without a leading '/'
/// \return nothing when the last name is not there
/// \throws Error(not_found)         a directory on the way is not there
/// \throws Error(precondition)      something on the way is no directory, or more than 40 symlinks
///         stand in it
/// \throws Error(invalid_argument)  a name over 255 bytes, a path over 4096
[[nodiscard]] std::optional<FoundFile>
find_path(const ext4::FileSystem& files, std::string_view path, LastLink last);

/// The same, for what has to be there. \throws Error(not_found)
[[nodiscard]] FoundFile
get_path(const ext4::FileSystem& files, std::string_view path, LastLink last);

} // namespace thinsnap::snapshotter
