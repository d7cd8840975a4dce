#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <thinsnap/block_device.hpp>

#include "attach/activator.hpp"

namespace thinsnap::attach {

/// How the files are served.
struct ExportOptions {
    /// Requests at work at a time; each takes 1 MiB of memory that stays. A request that waits for
    /// the disk, a flush or space keeps its thread.
    unsigned threads = 16;
};

/// How one device is seen as a file.
struct ExportedDevice {
    bool read_only = false;
    /// What the kernel is told to be worth discarding at once, bytes: the pool's chunk size.
    std::uint64_t discard_size = 4096;
    /// Allocated once the first write was answered, by the thread that did so.
    WrittenSoon written_soon{};
};

/// Block devices as files of one FUSE mount: what a loop device is put upon.
///
/// Nothing is cached beneath a file (FOPEN_DIRECT_IO), so a loop device with direct I/O sees each
/// device's own latency and errors: Error(no_space) becomes ENOSPC, Error(read_only) EROFS, any
/// other failure EIO. fsync is the device's flush(). A hole punched becomes write_zeros(): beneath
/// a loop device the kernel discards and zeroes with one and the same call, so what was punched
/// has to read as zeros.
///
/// Requests are read into memory that was allocated, and locked where that is permitted, when the
/// mount was made: the kernel may be writing to one of our devices because memory is short. See
/// protect_writeback().
///
/// A process that dies leaves the mount behind, which then says ENOTCONN to everybody; see
/// clean_up(). Whoever forks makes sure that the child does not keep /dev/fuse open (close_range),
/// else the files hang instead.
/// Threads: all calls from any thread.
class ExportedFiles {
public:
    /// Mounts on `directory`, which is there and empty, visible to this user only.
    /// \throws SystemError  FUSE is not there (`modprobe fuse`), or mounting is not permitted
    explicit ExportedFiles(std::string directory, const ExportOptions& options = {});
    /// Unmounts, lazily if somebody still uses a file: who does gets errors from then on.
    ~ExportedFiles();
    ExportedFiles(const ExportedFiles&) = delete;
    ExportedFiles& operator=(const ExportedFiles&) = delete;

    /// Makes the file `name` appear; it has the device's size. Shared: a request under way keeps
    /// the device, whatever becomes of the file.
    /// \return the file's path
    /// \throws Error(already_exists)  there is a file of that name
    std::string add(const std::string& name,
                    std::shared_ptr<BlockDevice> device,
                    const ExportedDevice& how = {});

    /// Makes the file disappear and lets the device go.
    /// \throws Error(busy)       somebody has it open
    /// \throws Error(not_found)  there is none
    void remove(const std::string& name);

    /// Serves `name` from another device from now on: the same content under another size. A loop
    /// device must be told, see LoopDevice::update_size().
    /// \throws Error(not_found)
    void replace(const std::string& name, std::shared_ptr<BlockDevice> device);

    /// Whether anybody (a loop device is one) has the file open. The kernel tells of a close a
    /// moment after it.
    [[nodiscard]] bool is_open(const std::string& name) const;

    [[nodiscard]] const std::string& directory() const;
    [[nodiscard]] std::string path_of(const std::string& name) const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace thinsnap::attach
