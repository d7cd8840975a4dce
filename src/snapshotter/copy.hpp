#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ext4/file_system.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::snapshotter {

inline constexpr std::size_t kCopyPiece = 1U << 20U; ///< bytes that are read at once
inline constexpr unsigned kMaxCopyDepth = 256;       ///< each level holds a descriptor

/// What was copied, and what could not be.
struct CopyReport {
    std::uint64_t files = 0;    ///< of every type
    std::uint64_t bytes = 0;    ///< of content, holes included
    std::uint64_t left_out = 0; ///< device nodes, fifos and sockets
};

/// Copies a file, or a directory with all below it, to the host: to `target`, or into it when it is
/// a directory. Permissions without setuid, setgid and the sticky bit, and the times of
/// modification come along; owners, extended attributes, device nodes, fifos and sockets do not.
///
/// Symlinks are copied as they are and never followed, neither in the container nor below `target`:
/// no name in a container leads anywhere on the host. What is there already is replaced only if it
/// is a regular file and one is copied; directories are merged.
/// \throws Error(not_found)       there is no such path
/// \throws Error(already_exists)  something else is in the way
/// \throws SystemError
CopyReport copy_out(const ext4::FileSystem& files,
                    std::string_view path,
                    const std::string& target,
                    const std::function<void()>& check_interrupt);

/// Copies a file, or a directory with all below it, from the host into a file system: to `path`, or
/// into it when it is a directory there. As copy_out() the other way round; owner is root.
///
/// The file system is written in an order that a crash must not cut: nobody may use the device
/// before it was flushed as a whole, see copy_into_container().
CopyReport copy_in(ext4::FileSystem& files,
                   const std::string& source,
                   std::string_view path,
                   const std::function<void()>& check_interrupt);

/// copy_in() to a container, whole or not at all: it is done to a snapshot, which takes the
/// container's place when it is complete.
/// \throws Error(not_found)  there is no such container
/// \throws Error(busy)       somebody else changed it meanwhile
CopyReport copy_into_container(Context& context,
                               std::string_view container,
                               const std::string& source,
                               std::string_view path);

} // namespace thinsnap::snapshotter
