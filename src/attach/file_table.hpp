#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "attach/exported_files.hpp"
#include "base/mutex.hpp"

namespace thinsnap::attach {

/// One exported file as a request sees it.
struct ServedFile {
    std::uint64_t inode = 0;
    /// Shared by the table and the requests under way.
    std::shared_ptr<BlockDevice> device;
    ExportedDevice how;
    bool is_written = false; ///< see FileTable::note_write()
};

/// The files of one mount, by name and by inode number. Numbers are never used twice, so a request
/// that comes late for a file that is gone finds nothing instead of another file.
/// Threads: all calls from any thread; no I/O under the lock.
class FileTable {
public:
    static constexpr std::uint64_t kRoot = 1;

    void add(const std::string& name, std::shared_ptr<BlockDevice> device, const ExportedDevice&);
    void remove(const std::string& name);
    void replace(const std::string& name, std::shared_ptr<BlockDevice> device);

    [[nodiscard]] std::optional<ServedFile> find(const std::string& name) const;
    [[nodiscard]] std::optional<ServedFile> find(std::uint64_t inode) const;
    [[nodiscard]] std::vector<std::string> names() const;

    /// \return whether this was the first write to the file
    [[nodiscard]] bool note_write(std::uint64_t inode);

    /// Counts who has a file open. \return nothing: the file is gone
    [[nodiscard]] std::optional<ServedFile> open(std::uint64_t inode);
    void close(std::uint64_t inode);
    [[nodiscard]] bool is_open(const std::string& name) const;

private:
    struct Entry {
        ServedFile file;
        std::string name;
        unsigned opens = 0;
    };
    [[nodiscard]] std::map<std::uint64_t, Entry>::iterator require(const std::string& name)
        TS_REQUIRES(mutex_);

    mutable Mutex mutex_;
    std::map<std::uint64_t, Entry> entries_ TS_GUARDED_BY(mutex_);
    std::map<std::string, std::uint64_t, std::less<>> inodes_ TS_GUARDED_BY(mutex_);
    std::uint64_t next_inode_ TS_GUARDED_BY(mutex_) = kRoot + 1;
};

} // namespace thinsnap::attach
