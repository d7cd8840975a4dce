#include "attach/file_table.hpp"

#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

std::map<std::uint64_t, FileTable::Entry>::iterator FileTable::require(const std::string& name) {
    const auto inode = inodes_.find(name);
    if (inode == inodes_.end())
        throw Error(Errc::not_found, fmt::format("no device is exported as '{}'", name));
    return entries_.find(inode->second);
}

void FileTable::add(const std::string& name,
                    std::shared_ptr<BlockDevice> device,
                    const ExportedDevice& how) {
    const MutexLock lock(mutex_);
    if (!inodes_.emplace(name, next_inode_).second)
        throw Error(Errc::already_exists,
                    fmt::format("a device is exported as '{}' already", name));
    entries_.emplace(next_inode_, Entry{{next_inode_, std::move(device), how, false}, name});
    ++next_inode_;
}

void FileTable::remove(const std::string& name) {
    std::shared_ptr<BlockDevice> last; // let go without the lock: closing a device may take a while
    const MutexLock lock(mutex_);
    const auto found = require(name);
    if (found->second.opens != 0)
        throw Error(
            Errc::busy,
            fmt::format("the exported device '{}' is open ({} times)", name, found->second.opens));
    last = std::move(found->second.file.device);
    entries_.erase(found);
    inodes_.erase(name);
}

void FileTable::replace(const std::string& name, std::shared_ptr<BlockDevice> device) {
    const MutexLock lock(mutex_);
    require(name)->second.file.device.swap(device);
}

std::optional<ServedFile> FileTable::find(const std::string& name) const {
    const MutexLock lock(mutex_);
    const auto inode = inodes_.find(name);
    return inode == inodes_.end() ? std::nullopt
                                  : std::optional(entries_.find(inode->second)->second.file);
}

std::optional<ServedFile> FileTable::find(std::uint64_t inode) const {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(inode);
    return found == entries_.end() ? std::nullopt : std::optional(found->second.file);
}

std::vector<std::string> FileTable::names() const {
    const MutexLock lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [name, inode] : inodes_)
        all.push_back(name);
    return all;
}

bool FileTable::note_write(std::uint64_t inode) {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(inode);
    return found != entries_.end() && !std::exchange(found->second.file.is_written, true);
}

std::optional<ServedFile> FileTable::open(std::uint64_t inode) {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(inode);
    if (found == entries_.end())
        return std::nullopt;
    ++found->second.opens;
    return found->second.file;
}

void FileTable::close(std::uint64_t inode) {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(inode);
    if (found != entries_.end() && found->second.opens != 0)
        --found->second.opens;
}

bool FileTable::is_open(const std::string& name) const {
    const MutexLock lock(mutex_);
    const auto inode = inodes_.find(name);
    return inode != inodes_.end() && entries_.find(inode->second)->second.opens != 0;
}

} // namespace thinsnap::attach
