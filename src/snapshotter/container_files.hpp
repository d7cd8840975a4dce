#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <thinsnap/thin_pool.hpp>

#include "ext4/file_system.hpp"
#include "journal/objects.hpp"
#include "snapshotter/path_lookup.hpp"

/// \file
/// The files of a container that is not mounted, read without a mount.

namespace thinsnap::snapshotter {

/// A device's file system, opened. Threads: one at a time.
class DeviceFiles {
public:
    /// \throws see ThinPool::open_device() and ext4::FileSystem
    DeviceFiles(ThinPool& pool, DeviceId device, ext4::FileSystemAccess access);

    [[nodiscard]] BlockDevice& device() { return *device_; }
    [[nodiscard]] ext4::FileSystem& files() { return *files_; }
    [[nodiscard]] const ext4::FileSystem& files() const { return *files_; }

private:
    std::unique_ptr<BlockDevice> device_;
    std::unique_ptr<ext4::FileSystem> files_;
};

struct ListedFile {
    std::string name;
    ext4::InodeInfo inode;
    std::string link_target; ///< of a symlink
};

/// What is in a directory, by name; of any other file, the file itself.
/// \throws as get_path()
[[nodiscard]] std::vector<ListedFile> list_files(const ext4::FileSystem& files,
                                                 std::string_view path);

/// Hands a regular file's content to `sink`, piece by piece, holes as zeros.
/// \throws as get_path(); Error(precondition)  no regular file
void read_file(const ext4::FileSystem& files,
               std::string_view path,
               const std::function<void(std::span<const std::byte>)>& sink);

} // namespace thinsnap::snapshotter
