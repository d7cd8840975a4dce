#include "io/file_device.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/aligned_buffer.hpp"

namespace thinsnap::io {

namespace {

constexpr std::uint64_t kDirectAlignment = 4096;
constexpr std::size_t kBounceSize = 1U << 20U;

Fd open_with(const std::string& path, int flags, bool& direct) {
    if (direct) {
        const int fd = ::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC);
        if (fd >= 0)
            return Fd(fd);
        if (errno != EINVAL)
            throw SystemError(errno, fmt::format("opening {}", path));
        direct = false; // this file system has no O_DIRECT
    }
    return open_file(path, flags);
}

bool aligned_address(const void* p) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) an address as a number
    return reinterpret_cast<std::uintptr_t>(p) % AlignedBuffer::kAlignment == 0;
}

off_t as_off(std::uint64_t v) {
    return static_cast<off_t>(v);
}

} // namespace

FileDevice::FileDevice(std::string path, FileDeviceOptions options)
    : path_(std::move(path))
    , read_only_(options.read_only)
    , direct_(options.direct) {
    struct stat st {};
    if (::stat(path_.c_str(), &st) != 0)
        throw SystemError(errno, fmt::format("opening {}", path_));
    block_device_ = S_ISBLK(st.st_mode);
    if (!block_device_ && !S_ISREG(st.st_mode))
        throw Error(Errc::invalid_argument,
                    fmt::format("opening {}: neither a regular file nor a block device", path_));
    int flags = read_only_ ? O_RDONLY : O_RDWR;
    if (block_device_ && options.exclusive)
        flags |= O_EXCL;
    fd_ = open_with(path_, flags, direct_);
    if (block_device_) {
        size_ = block_device_size();
    } else {
        size_ = static_cast<std::uint64_t>(st.st_size);
    }
}

std::uint64_t FileDevice::block_device_size() const {
    std::uint64_t bytes = 0;
    if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes) != 0)
        throw SystemError(errno, fmt::format("asking {} for its size", path_));
    return bytes;
}

std::uint64_t FileDevice::size() const {
    return size_.load(std::memory_order_relaxed);
}

void FileDevice::check_range(std::uint64_t offset, std::uint64_t length, const char* action) const {
    const std::uint64_t all = size();
    if (offset > all || length > all - offset)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} {}: {} bytes at offset {} end behind its size of {} bytes",
                                action,
                                path_,
                                length,
                                offset,
                                all));
}

void FileDevice::check_write(std::uint64_t offset, std::uint64_t length) const {
    if (read_only_)
        throw Error(Errc::read_only, fmt::format("writing {}: opened for reading only", path_));
    check_range(offset, length, "writing");
    if (offset % alignment() != 0 || length % alignment() != 0)
        throw Error(Errc::invalid_argument,
                    fmt::format("writing {}: {} bytes at offset {} are not aligned to {} bytes",
                                path_,
                                length,
                                offset,
                                alignment()));
}

void FileDevice::read_aligned(std::uint64_t offset, std::span<std::byte> into, std::size_t need) {
    std::size_t done = 0;
    while (done < need) {
        const auto rest = into.subspan(done);
        const ssize_t n = ::pread(fd_.get(), rest.data(), rest.size(), as_off(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw SystemError(
                errno,
                fmt::format("reading {}: {} bytes at {}", path_, rest.size(), offset + done));
        if (n == 0)
            throw Error(Errc::io,
                        fmt::format("reading {}: it ends at {}; somebody made it shorter than the "
                                    "{} bytes it had when it was opened",
                                    path_,
                                    offset + done,
                                    size()));
        done += static_cast<std::size_t>(n);
    }
}

void FileDevice::read(std::uint64_t offset, std::span<std::byte> into) {
    check_range(offset, into.size(), "reading");
    if (!direct_ || (offset % kDirectAlignment == 0 && into.size() % kDirectAlignment == 0 &&
                     aligned_address(into.data())))
        return read_aligned(offset, into, into.size());

    AlignedBuffer bounce(std::min<std::size_t>(kBounceSize, into.size() + 2 * kDirectAlignment));
    while (!into.empty()) {
        const std::uint64_t skip = offset % kDirectAlignment;
        const std::uint64_t begin = offset - skip;
        std::uint64_t want = skip + into.size();
        want = std::min<std::uint64_t>((want + kDirectAlignment - 1) & ~(kDirectAlignment - 1),
                                       bounce.size() & ~(kDirectAlignment - 1));
        const std::size_t part = std::min<std::size_t>(want - skip, into.size());
        // A file may end within the last block: O_DIRECT asks for all of it and gives what is
        // there.
        read_aligned(begin, bounce.bytes().first(want), skip + part);
        std::memcpy(into.data(), bounce.bytes().data() + skip, part);
        into = into.subspan(part);
        offset += part;
    }
}

void FileDevice::write_aligned(std::uint64_t offset, std::span<const std::byte> from) {
    while (!from.empty()) {
        const ssize_t n = ::pwrite(fd_.get(), from.data(), from.size(), as_off(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw SystemError(
                errno, fmt::format("writing {}: {} bytes at {}", path_, from.size(), offset));
        from = from.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

void FileDevice::write(std::uint64_t offset, std::span<const std::byte> from) {
    check_write(offset, from.size());
    if (!direct_ || aligned_address(from.data()))
        return write_aligned(offset, from);
    AlignedBuffer bounce(std::min<std::size_t>(kBounceSize, from.size()));
    while (!from.empty()) {
        const auto part = from.first(std::min(from.size(), bounce.size()));
        std::memcpy(bounce.bytes().data(), part.data(), part.size());
        write_aligned(offset, bounce.bytes().first(part.size()));
        from = from.subspan(part.size());
        offset += part.size();
    }
}

void FileDevice::write_gather(std::uint64_t offset,
                              std::span<const std::span<const std::byte>> pieces) {
    constexpr std::size_t kMaxPieces = 256; // well below IOV_MAX
    static_assert(kMaxPieces <= IOV_MAX);
    while (!pieces.empty()) {
        const auto group = pieces.first(std::min(pieces.size(), kMaxPieces));
        std::array<iovec, kMaxPieces> vectors;
        std::size_t total = 0;
        bool direct_ready = true;
        for (std::size_t i = 0; i < group.size(); ++i) {
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast) the system call's interface
            vectors[i] = {const_cast<std::byte*>(group[i].data()), group[i].size()};
            total += group[i].size();
            direct_ready = direct_ready && aligned_address(group[i].data());
        }
        check_write(offset, total);
        ssize_t n = -1;
        if (!direct_ || direct_ready)
            n = ::pwritev(
                fd_.get(), vectors.data(), static_cast<int>(group.size()), as_off(offset));
        if (n != static_cast<ssize_t>(total)) // short, interrupted, failed: piece by piece
            BlockDevice::write_gather(offset, group);
        pieces = pieces.subspan(group.size());
        offset += total;
    }
}

void FileDevice::flush() {
    if (::fdatasync(fd_.get()) != 0)
        throw SystemError(errno, fmt::format("flushing {}", path_));
}

void FileDevice::discard(std::uint64_t offset, std::uint64_t length) {
    check_write(offset, length);
    if (block_device_) {
        std::array<std::uint64_t, 2> range{offset, length};
        if (::ioctl(fd_.get(), BLKDISCARD, range.data()) != 0 && errno != EOPNOTSUPP)
            throw SystemError(errno, fmt::format("discarding {} bytes of {}", length, path_));
        return;
    }
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (::fallocate(fd_.get(), mode, as_off(offset), as_off(length)) != 0 && errno != EOPNOTSUPP)
        throw SystemError(errno, fmt::format("punching {} bytes out of {}", length, path_));
}

void FileDevice::allocate(std::uint64_t offset, std::uint64_t length) {
    if (block_device_)
        return;
    check_write(offset, length);
    int result = 0;
    do {
        result = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, as_off(offset), as_off(length));
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EOPNOTSUPP)
        throw SystemError(errno,
                          fmt::format("allocating {} bytes at {} of {}", length, offset, path_));
}

void FileDevice::write_zeros(std::uint64_t offset, std::uint64_t length) {
    check_write(offset, length);
    static const AlignedBuffer zeros = [] {
        AlignedBuffer buffer(kBounceSize);
        std::ranges::fill(buffer.bytes(), std::byte{0});
        return buffer;
    }();
    while (length > 0) {
        const auto part = std::min<std::uint64_t>(length, zeros.size());
        write_aligned(offset, zeros.bytes().first(part));
        offset += part;
        length -= part;
    }
}

void FileDevice::resize(std::uint64_t bytes) {
    if (block_device_) {
        size_ = block_device_size();
        if (bytes > size())
            throw Error(Errc::invalid_argument,
                        fmt::format("{} has {} bytes, {} are asked for", path_, size(), bytes));
        return;
    }
    if (::ftruncate(fd_.get(), as_off(bytes)) != 0)
        throw SystemError(errno, fmt::format("resizing {} to {} bytes", path_, bytes));
    size_ = bytes;
}

} // namespace thinsnap::io
