#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_attributes.hpp"

namespace thinsnap::tar {

enum class Type {
    regular,
    hard_link,
    symlink,
    directory,
    character_device,
    block_device,
    fifo,
};

/// What a tar says about one name. Names are bytes as they stand in the tar.
struct Entry {
    std::uint64_t offset = 0; ///< where its first header begins in the tar
    std::string name;         ///< not empty, without NULs; else as hostile as can be
    Type type = Type::regular;
    Attributes attributes;   ///< a hard link's say nothing
    std::uint64_t size = 0;  ///< of a regular file, holes included
    std::string link_target; ///< of a hard link or a symlink, not empty, without NULs
    DeviceNumber device;
    std::vector<Xattr> xattrs;              ///< in the order of their names, each once
    std::optional<std::string> access_acl;  ///< as text; it may be there as an attribute, too
    std::optional<std::string> default_acl; ///< as text
};

} // namespace thinsnap::tar
