#pragma once

#include <atomic>
#include <string>

#include <thinsnap/block_device.hpp>

#include "base/fd.hpp"

namespace thinsnap::io {

/// How a FileDevice opens its file.
struct FileDeviceOptions {
    bool read_only = false;
    /// Past the page cache (O_DIRECT). A file system that cannot do that is used through the page
    /// cache instead; direct() tells which it became.
    bool direct = true;
    /// A block device is opened O_EXCL: EBUSY when the kernel (a mount, device-mapper) uses it.
    bool exclusive = true;
};

/// A regular file or a block device of the host.
///
/// allocate() is fallocate(2) on a file (where that is not supported, nothing is promised and
/// nothing is written) and nothing on a block device; discard() punches a hole or discards;
/// afterwards a file's range reads as zeros and has no space beneath it.
class FileDevice final : public BlockDevice {
public:
    /// \throws SystemError  naming the path; Error(busy) for a block device in use
    explicit FileDevice(std::string path, FileDeviceOptions options = {});

    [[nodiscard]] std::uint64_t size() const override;
    [[nodiscard]] std::uint64_t alignment() const override { return direct_ ? 4096 : 1; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void write_gather(std::uint64_t offset,
                      std::span<const std::span<const std::byte>> pieces) override;
    void flush() override;
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t offset, std::uint64_t length) override;
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    /// Makes a regular file `bytes` long (new bytes are a hole); on a block device checks its size.
    /// \throws Error(invalid_argument)  a block device that is smaller
    void resize(std::uint64_t bytes);

    [[nodiscard]] bool direct() const noexcept { return direct_; }
    [[nodiscard]] bool is_block_device() const noexcept { return block_device_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    [[nodiscard]] std::uint64_t block_device_size() const;
    void check_range(std::uint64_t offset, std::uint64_t length, const char* action) const;
    void check_write(std::uint64_t offset, std::uint64_t length) const;
    /// Reads at least `need` bytes of the range; all is aligned where O_DIRECT asks for it.
    void read_aligned(std::uint64_t offset, std::span<std::byte> into, std::size_t need);
    void write_aligned(std::uint64_t offset, std::span<const std::byte> from);

    std::string path_;
    Fd fd_;
    bool read_only_ = false;
    bool direct_ = false;
    bool block_device_ = false;
    std::atomic<std::uint64_t> size_ = 0;
};

} // namespace thinsnap::io
